//! `layerloop explain --step`

use std::io::{IsTerminal as _, stdin, stdout};
use std::time::Duration;

use layerloop::Result;
use layerloop::explain::Trace;
use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Paragraph, Wrap};

use super::{Object, headline, objects};
use crate::Outcome;
use crate::fullscreen::{Fullscreen, pressed};
use crate::interrupt::Interrupt;
use crate::output::{line, shown};

/// How often it is looked for a signal.
const EVERY: Duration = Duration::from_millis(100);

/// One object after the other: at a terminal a screen for each, elsewhere all of them as text.
pub(super) fn show(trace: &Trace) -> Result<Outcome> {
    if stdin().is_terminal() && stdout().is_terminal() {
        return browse(&Pages::of(trace));
    }
    line(headline(trace))?;
    let mut part = "";
    for (of, object) in objects(trace) {
        if of != part {
            line(format_args!("== {of} ==\n"))?;
            part = of;
        }
        line(format_args!("{}\n", body(&object)))?;
    }
    Ok(Outcome::Done)
}

fn body(Object { name, formula, numbers }: &Object) -> String {
    format!("{name} = {formula}    {}\n{}", numbers.shape(), numbers.text())
}

fn browse(pages: &Pages) -> Result<Outcome> {
    let interrupt = Interrupt::listen()?;
    let mut screen = Fullscreen::open("--step")?;
    let mut place = Place::default();
    loop {
        screen.draw(|frame| pages.draw(frame, &mut place))?;
        // Drawn again after whatever happens, a change of the terminal's size too.
        let happened = loop {
            if let Some(signal) = interrupt.signal() {
                return Ok(Outcome::Signal(signal));
            }
            if let Some(event) = screen.event(EVERY)? {
                break event;
            }
        };
        match pressed(&happened).and_then(asked) {
            Some(Wish::Leave) => return Ok(Outcome::Done),
            Some(Wish::Interrupt) => interrupt.by_ctrl_c(),
            Some(wish) => place = place.after(wish, pages.bodies.len()),
            None => {}
        }
    }
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Next,
    Previous,
    Down,
    Up,
    Leave,
    /// Ctrl-C, which a terminal in this mode does not send as a signal.
    Interrupt,
}

fn asked(key: KeyEvent) -> Option<Wish> {
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Interrupt),
        KeyCode::Enter | KeyCode::Right | KeyCode::PageDown | KeyCode::Char(' ' | 'n') => Some(Wish::Next),
        KeyCode::Backspace | KeyCode::Left | KeyCode::PageUp | KeyCode::Char('p') => Some(Wish::Previous),
        KeyCode::Down => Some(Wish::Down),
        KeyCode::Up => Some(Wish::Up),
        KeyCode::Char('q') | KeyCode::Esc => Some(Wish::Leave),
        _ => None,
    }
}

/// Which object is shown, and how many of its lines are above the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    object: usize,
    scrolled: u16,
}

impl Place {
    fn after(self, wish: Wish, objects: usize) -> Self {
        let Self { object, scrolled } = self;
        match wish {
            Wish::Next if object + 1 < objects => Self { object: object + 1, scrolled: 0 },
            Wish::Previous if object > 0 => Self { object: object - 1, scrolled: 0 },
            Wish::Down => Self { object, scrolled: scrolled.saturating_add(1) },
            Wish::Up => Self { object, scrolled: scrolled.saturating_sub(1) },
            _ => self,
        }
    }
}

/// What the screens say.
struct Pages {
    headline: String,
    /// Of each object the loop that it belongs to, and its formula with its numbers.
    bodies: Vec<(&'static str, String)>,
}

impl Pages {
    fn of(trace: &Trace) -> Self {
        let bodies = objects(trace).iter().map(|(part, object)| (*part, body(object))).collect();
        Self { headline: shown(headline(trace).trim_end()).into_owned(), bodies }
    }

    /// Scrolls no further than to the last line.
    fn draw(&self, frame: &mut Frame, place: &mut Place) {
        let object = place.object;
        let rows = [1, 2].map(Constraint::Length);
        let rest = [Constraint::Fill(1), Constraint::Length(1)];
        let [head, part, middle, keys] = Layout::vertical([&rows[..], &rest].concat()).areas(frame.area());
        let (of, body) = &self.bodies[object];
        let count = self.bodies.len();
        frame.render_widget(Line::styled(self.headline.as_str(), Style::new().add_modifier(Modifier::BOLD)), head);
        frame.render_widget(Line::from(format!("{of}, step {} of {count}", object + 1)), part);
        let lines: Vec<Line> = body.lines().map(|line| Line::from(shown(line))).collect();
        let wrapped = |line: &Line| 1 + line.width() / usize::from(middle.width.max(1));
        let last = lines.iter().map(wrapped).sum::<usize>().saturating_sub(middle.height.into());
        place.scrolled = place.scrolled.min(last as u16);
        let text = Paragraph::new(Text::from(lines)).wrap(Wrap { trim: false }).scroll((place.scrolled, 0));
        frame.render_widget(text, middle);
        frame.render_widget(Line::from(footer(frame.area().width)), keys);
    }
}

fn footer(width: u16) -> &'static str {
    if width >= 60 {
        "enter next   ← previous   ↑ ↓ scroll   q or esc leave"
    } else {
        "enter next  ← back  q leave"
    }
}

#[cfg(test)]
mod tests {
    use layerloop::explain::golden;
    use layerloop::train::Objective;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn pages() -> Pages {
        let (network, data) = golden().unwrap();
        Pages::of(&Trace::of(&network, &data, 0, &Objective::default()).unwrap())
    }

    fn drawn(pages: &Pages, mut place: Place, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| pages.draw(frame, &mut place)).unwrap();
        let buffer = terminal.backend().buffer();
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..height).map(row).collect()
    }

    #[test]
    fn every_object_has_a_screen_with_the_keys_at_its_bottom() {
        let pages = pages();
        for object in 0..pages.bodies.len() {
            let lines = drawn(&pages, Place { object, scrolled: 0 }, 80, 24);
            assert!(lines[0].starts_with("sample 0, class second: predicted second"), "{lines:?}");
            assert!(lines[1].ends_with(&format!(", step {} of {}", object + 1, pages.bodies.len())), "{lines:?}");
            assert_eq!(lines[3], pages.bodies[object].1.lines().next().unwrap());
            assert_eq!(lines[23], "enter next   ← previous   ↑ ↓ scroll   q or esc leave");
        }
        assert_eq!(drawn(&pages, Place::default(), 30, 8)[7], "enter next  ← back  q leave");
        drawn(&pages, Place { object: 1, scrolled: u16::MAX }, 5, 2);
    }

    #[test]
    fn what_is_longer_than_the_screen_is_scrolled_to_its_last_line() {
        let body = (0..30).map(|k| format!("row {k}")).collect::<Vec<_>>().join("\n");
        let pages = Pages { headline: "long".into(), bodies: vec![("forward", body)] };
        let at = |scrolled| drawn(&pages, Place { object: 0, scrolled }, 80, 24);
        assert_eq!((&*at(0)[3], &*at(5)[3], &*at(10)[3], &*at(99)[3]), ("row 0", "row 5", "row 10", "row 10"));
        assert_eq!(at(99)[22], "row 29");
    }

    #[test]
    fn keys_go_on_and_back_and_stop_at_both_ends() {
        let key = |code| asked(KeyEvent::new(code, KeyModifiers::NONE));
        assert_eq!((key(KeyCode::Enter), key(KeyCode::Char(' '))), (Some(Wish::Next), Some(Wish::Next)));
        assert_eq!((key(KeyCode::Char('q')), key(KeyCode::Esc)), (Some(Wish::Leave), Some(Wish::Leave)));
        assert_eq!(asked(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Some(Wish::Interrupt));
        assert_eq!(key(KeyCode::Char('c')), None);
        let at = |wishes: &[Wish]| wishes.iter().fold(Place::default(), |place, &wish| place.after(wish, 2));
        assert_eq!(at(&[Wish::Next, Wish::Next, Wish::Next]).object, 1);
        assert_eq!(at(&[Wish::Previous, Wish::Next, Wish::Previous, Wish::Up]), Place::default());
        assert_eq!(at(&[Wish::Down, Wish::Down, Wish::Up]), Place { object: 0, scrolled: 1 });
        assert_eq!(at(&[Wish::Down, Wish::Next]), Place { object: 1, scrolled: 0 });
    }
}
