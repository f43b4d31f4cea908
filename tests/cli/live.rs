//! The live screen in a real terminal: tmux's.

use std::process::Command;
use std::time::{Duration, Instant};

use super::Folder;

/// A terminal of 90 x 28 in which a shell runs; it ends with this.
struct Terminal(String);

impl Terminal {
    fn open(folder: &Folder, name: &str) -> Self {
        let terminal = Self(format!("layerloop-{name}-{}", std::process::id()));
        let folder = folder.0.path().display().to_string();
        terminal.tmux(&["new-session", "-d", "-x", "90", "-y", "28", "-c", &folder, "env PS1='$ ' sh"]);
        terminal
    }

    fn tmux(&self, args: &[&str]) -> String {
        let done = Command::new("tmux").args(["-L", &self.0, "-f", "/dev/null"]).args(args).output();
        let done = done.expect("tmux is there: ./test installs it, or apt-get install tmux");
        assert!(done.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// The screen, once this is on it.
    fn wait_for(&self, text: &str) -> String {
        let patience = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(patience.elapsed() < Duration::from_secs(20), "no `{text}` on the screen:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        _ = Command::new("tmux").args(["-L", &self.0, "kill-server"]).output();
    }
}

/// The number behind `name` on the screen.
fn number(screen: &str, name: &str) -> f64 {
    let rest = screen.split(name).nth(1).expect("the name is on the screen");
    let digits = rest.trim_start().split(|c: char| !(c.is_ascii_digit() || c == '.')).next();
    digits.and_then(|digits| digits.parse().ok()).expect("a number behind it")
}

#[test]
fn a_run_is_watched_paused_slowed_and_stopped_by_keys() {
    let folder = Folder::new();
    let terminal = Terminal::open(&folder, "keys");
    let binary = env!("CARGO_BIN_EXE_layerloop");
    let train = format!(
        "{binary} train digits --epochs 1000000 --hidden 100 --validation 0.1 --tui --save m.safetensors; echo ended with $?"
    );
    terminal.press(&[&train, "Enter"]);
    let screen = terminal.wait_for("scores over epochs");
    for text in
        ["digits: 64 -> 100 sigmoid -> 10 -> softmax", "loss over steps", "samples/s", "left", "epoch train loss"]
    {
        assert!(screen.contains(text), "{text}:\n{screen}");
    }
    assert!(screen.contains("space pause   l lower the rate to half   q stop and save"), "{screen}");

    terminal.press(&["Space"]);
    let paused = terminal.wait_for(" PAUSED ");
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(number(&terminal.screen(), "step "), number(&paused, "step "), "it stands still");
    terminal.press(&["Space"]);
    terminal.wait_for("space pause");
    std::thread::sleep(Duration::from_millis(300));
    let running = terminal.screen();
    assert!(number(&running, "  step ") > number(&paused, "  step "), "{running}");

    assert_eq!(number(&running, "  lr "), 0.005);
    terminal.press(&["l"]);
    terminal.wait_for("rate halved after step");
    terminal.wait_for("lr 0.0025");

    terminal.press(&["q"]);
    let after = terminal.wait_for("ended with 0");
    assert!(after.contains("stopped as asked after step"), "{after}");
    assert!(after.contains("saved as m.safetensors") && !after.contains("loss over steps"), "{after}");
    // What was done by hand is in the receipt.
    assert!(folder.run(&["replay", "m.safetensors"]).well().out.ends_with("the same to the bit\n"));
}

/// A terminal in this mode sends no signal for Ctrl-C: the key ends the run as the signal does.
#[test]
fn ctrl_c_on_the_live_screen_has_the_exit_code_of_its_signal() {
    let folder = Folder::new();
    let terminal = Terminal::open(&folder, "ctrl-c");
    let binary = env!("CARGO_BIN_EXE_layerloop");
    for pause in [false, true] {
        terminal
            .press(&[&format!("clear; {binary} train --epochs 1000000 --tui --no-save; echo ended with $?"), "Enter"]);
        terminal.wait_for("loss over steps");
        if pause {
            terminal.press(&["Space"]);
            terminal.wait_for(" PAUSED ");
        }
        terminal.press(&["C-c"]);
        terminal.wait_for("ended with 130");
    }
}

#[test]
fn without_a_terminal_there_is_no_screen() {
    let folder = Folder::new();
    let said = folder.run(&["train", "--tui"]);
    assert!(said.refusal(2).contains("--tui: standard output is no terminal"), "{said:?}");
    let said = folder.run(&["train", "--tui", "--json"]);
    assert_eq!(said.code, 2, "{said:?}");
}
