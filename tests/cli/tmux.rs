//! A real terminal: tmux's.

use std::process::Command;
use std::time::{Duration, Instant};

use super::Folder;

/// However busy the machine is, the screen is there by then.
const PATIENCE: Duration = Duration::from_secs(120);

/// A terminal in which a shell runs; it ends with this.
pub(super) struct Terminal(String);

impl Terminal {
    pub(super) fn open(folder: &Folder, name: &str, size: (u16, u16)) -> Self {
        let terminal = Self(format!("layerloop-{name}-{}", std::process::id()));
        let folder = folder.0.path().display().to_string();
        let [width, height] = [size.0, size.1].map(|size| size.to_string());
        terminal.tmux(&["new-session", "-d", "-x", &width, "-y", &height, "-c", &folder, "env PS1='$ ' sh"]);
        terminal
    }

    /// Closes it, whatever runs in it.
    pub(super) fn close(&self) {
        self.tmux(&["kill-server"]);
    }

    fn tmux(&self, args: &[&str]) -> String {
        let done = Command::new("tmux").args(["-L", &self.0, "-f", "/dev/null"]).args(args).output();
        let done = done.expect("tmux is there");
        assert!(done.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    pub(super) fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    pub(super) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// The screen, once this is on it.
    pub(super) fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contains(text))
    }

    /// The screen, once it is as it should be.
    pub(super) fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let since = Instant::now();
        loop {
            let screen = self.screen();
            if is_so(&screen) {
                return screen;
            }
            assert!(since.elapsed() < PATIENCE, "no `{what}` on the screen:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        _ = Command::new("tmux").args(["-L", &self.0, "kill-server"]).output();
    }
}
