//! The live screen in a real terminal: tmux's.

use std::time::{Duration, Instant};

use super::tmux::Terminal;
use super::{Folder, is_missing, send};

/// The number behind `name`, if both are on the screen.
fn number(screen: &str, name: &str) -> Option<f64> {
    let digits = screen.split(name).nth(1)?.trim_start().split(|c: char| !(c.is_ascii_digit() || c == '.')).next();
    digits?.parse().ok()
}

#[test]
fn a_run_is_watched_paused_slowed_and_stopped_by_keys() {
    if is_missing("tmux", "a_run_is_watched_paused_slowed_and_stopped_by_keys") {
        return;
    }
    let folder = Folder::new();
    let terminal = Terminal::open(&folder, "keys", (90, 28));
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
    let step = number(&paused, "  step ").expect("a step");
    // However slow the machine is, this is not too short: it can only miss a fault.
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(number(&terminal.screen(), "  step "), Some(step), "it stands still");
    terminal.press(&["Space"]);
    let goes_on = |screen: &str| screen.contains("space pause") && number(screen, "  step ") > Some(step);
    let running = terminal.wait_until("a later step", goes_on);
    assert_eq!(number(&running, "  lr "), Some(0.005));
    terminal.press(&["l"]);
    terminal.wait_for("lr 0.0025");

    terminal.press(&["q"]);
    let after = terminal.wait_for("ended with 0");
    assert!(after.contains("stopped on request after step"), "{after}");
    assert!(after.contains("saved as m.safetensors") && !after.contains("loss over steps"), "{after}");
    // What was done by hand is in the receipt.
    assert!(folder.run(&["replay", "m.safetensors"]).well().out.ends_with("the same to the bit\n"));
}

/// The legend lay on the curves.
#[test]
fn the_legend_has_lines_of_its_own_beneath_the_curves() {
    if is_missing("tmux", "the_legend_has_lines_of_its_own_beneath_the_curves") {
        return;
    }
    for size in [(80, 24), (200, 50)] {
        let folder = Folder::new();
        let terminal = Terminal::open(&folder, &format!("legend-{}", size.0), size);
        let binary = env!("CARGO_BIN_EXE_layerloop");
        let train = format!("{binary} train digits --epochs 1000000 --validation 0.1 --tui --no-save");
        terminal.press(&[&train, "Enter"]);
        let named = |screen: &str| ["━━ train", "━━ val ", "━━ val accuracy"].iter().all(|name| screen.contains(name));
        let screen = terminal.wait_until("the names of the curves", named);
        let is_curve = |c: char| ('\u{2801}'..='\u{28ff}').contains(&c);
        for line in screen.lines().filter(|line| line.contains("━━")) {
            assert!(!line.contains(is_curve), "{line}\n{screen}");
        }
        assert!(screen.contains(is_curve), "{screen}");
        terminal.press(&["q"]);
        terminal.wait_for("stopped on request after step");
    }
}

/// What shows a screen read for ever from a terminal that had been closed, deaf to the signal of that. Then it
/// panicked, since the message that the cursor could not be shown again could not be written either, and saved nothing.
#[test]
fn a_terminal_that_is_closed_ends_the_command_in_order() {
    if is_missing("tmux", "a_terminal_that_is_closed_ends_the_command_in_order") {
        return;
    }
    let folder = Folder::new();
    let binary = env!("CARGO_BIN_EXE_layerloop");
    let train = "train --epochs 1000000 --tui --save m.safetensors";
    for (name, command, shown) in
        [("train", train, "loss over steps"), ("step", "explain --example golden --step", "z_1 = x")]
    {
        let terminal = Terminal::open(&folder, &format!("closed-{name}"), (90, 28));
        terminal.press(&[&format!("sh -c 'echo $$ > id; exec {binary} {command}'"), "Enter"]);
        terminal.wait_for(shown);
        terminal.close();
        let id = std::fs::read_to_string(folder.path("id")).expect("a process");
        let lives = || send("0", id.trim());
        let since = Instant::now();
        while lives() {
            assert!(since.elapsed() < Duration::from_secs(120), "{name} does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    assert!(folder.run(&["summary", "m.safetensors"]).well().out.contains("receipt"));
}

/// A terminal in this mode sends no signal for Ctrl-C: the key ends the run as the signal does.
#[test]
fn ctrl_c_on_the_live_screen_has_the_exit_code_of_its_signal() {
    if is_missing("tmux", "ctrl_c_on_the_live_screen_has_the_exit_code_of_its_signal") {
        return;
    }
    let folder = Folder::new();
    let terminal = Terminal::open(&folder, "ctrl-c", (90, 28));
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
    assert!(said.refusal(2).contains("--tui: standard output is not a terminal"), "{said:?}");
    let said = folder.run(&["train", "--tui", "--json"]);
    assert_eq!(said.code, 2, "{said:?}");
}
