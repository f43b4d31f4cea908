//! The board on a terminal of any size.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph, Row, Table};

use super::board::Board;

/// Colours of the curves, from the terminal's own.
const COLOURS: [Color; 4] = [Color::Cyan, Color::Magenta, Color::Green, Color::Yellow];
/// Lines that a chart keeps for its curves, however many names there are.
const LEAST_PLOT: u16 = 6;
/// A curve with its name.
type Named = (String, Vec<(f64, f64)>);

pub(super) fn draw(frame: &mut Frame, board: &Board) {
    let area = frame.area();
    let (wide, tall) = (area.width >= 60, area.height >= 20);
    let table = if tall { board.recent.len() as u16 + 1 } else { 0 };
    let rows = [1, 1, 1].map(Constraint::Length);
    let rest = [Constraint::Min(3), Constraint::Length(table), Constraint::Length(1)];
    let [title, gauge, facts, charts, epochs, keys] = Layout::vertical([&rows[..], &rest].concat()).areas(area);
    frame.render_widget(Line::styled(&*board.title, Style::new().add_modifier(Modifier::BOLD)), title);
    frame.render_widget(progress(board), gauge);
    frame.render_widget(Paragraph::new(self::facts(board, wide)), facts);
    let (losses, scores) = curves(board);
    if wide && !scores.is_empty() {
        let [left, right] = Layout::horizontal([Constraint::Percentage(58), Constraint::Fill(1)]).areas(charts);
        chart(frame, left, "loss over steps", &losses);
        chart(frame, right, "scores over epochs", &scores);
    } else {
        chart(frame, charts, "loss over steps", &losses);
    }
    if tall {
        frame.render_widget(last_epochs(board, area.width), epochs);
    }
    frame.render_widget(Paragraph::new(footer(board, wide)), keys);
}

fn colour(colour: Color) -> Style {
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        Style::new()
    } else {
        Style::new().fg(colour)
    }
}

fn progress(board: &Board) -> Gauge<'static> {
    let step = board.now.map_or(0, |now| now.step);
    let ratio = (step as f64 / board.steps.max(1) as f64).clamp(0.0, 1.0);
    let left = board.left.map_or(String::new(), |left| format!(", {} left", time(left)));
    let label = format!("{:.0} %{left}", 100.0 * ratio);
    Gauge::default().ratio(ratio).label(label).gauge_style(colour(Color::Cyan))
}

fn facts(board: &Board, wide: bool) -> Line<'static> {
    let Some(now) = board.now else { return Line::from("the first step is under way") };
    let (epoch, step, loss, rate) = (now.epoch, now.step, now.loss, short(now.learning_rate));
    if !wide {
        return Line::from(format!("loss {loss:.4}  lr {rate}  epoch {epoch}  step {step}"));
    }
    let (epochs, steps, speed) = (board.epochs, board.steps, speed(board.speed));
    Line::from(format!("epoch {epoch}/{epochs}  step {step}/{steps}  loss {loss:.4}  lr {rate}  {speed}"))
}

fn footer(board: &Board, wide: bool) -> Line<'static> {
    let keys = match (board.paused, wide) {
        (true, _) => "space go on   q stop",
        (false, true) => "space pause   l lower the rate to half   q stop and save",
        (false, false) => "space pause  l lower rate  q stop",
    };
    let paused = Style::new().add_modifier(Modifier::REVERSED);
    let mark = if board.paused { Span::styled(" PAUSED ", paused) } else { Span::raw("") };
    Line::from(vec![
        mark,
        Span::raw(if board.paused { "  " } else { "" }),
        Span::raw(keys),
        Span::raw("   "),
        Span::raw(board.said().to_owned()),
    ])
}

/// The losses, over steps; and all other measures, over epochs.
fn curves(board: &Board) -> (Vec<Named>, Vec<Named>) {
    let mut losses = vec![("train".to_owned(), board.losses.points.clone())];
    let mut scores = Vec::new();
    for measure in board.measures.iter().filter(|measure| measure.name != "train_loss") {
        match measure.name.strip_suffix("_loss") {
            Some(set) => losses.push((set.to_owned(), measure.over_steps.points.clone())),
            None => scores.push((measure.name.replace('_', " "), measure.over_epochs.points.clone())),
        }
    }
    (losses, scores)
}

/// A frame with the curves, and beneath them their legend: in lines of its own, so that it covers none of them.
fn chart(frame: &mut Frame, area: Rect, title: &str, curves: &[Named]) {
    let Some(extent) = Extent::of(curves) else {
        return frame.render_widget(Block::bordered().title(title.to_owned()), area);
    };
    let title = if extent.log { format!("{title}, log") } else { title.to_owned() };
    let block = Block::bordered().title(title);
    let inner = block.inner(area);
    let mut legend = legend(curves, inner.width);
    legend.truncate(usize::from(inner.height.saturating_sub(LEAST_PLOT)));
    let [plane, names] = Layout::vertical([Constraint::Fill(1), Constraint::Length(legend.len() as u16)]).areas(inner);
    frame.render_widget(block, area);
    plot(frame, plane, &extent, curves);
    frame.render_widget(Paragraph::new(legend), names);
}

/// What the axes of a chart have to take.
struct Extent {
    x: [f64; 2],
    /// As it is drawn: the logarithm, where the axis is logarithmic.
    y: [f64; 2],
    log: bool,
}

impl Extent {
    /// Nothing, if no value is finite.
    fn of(curves: &[Named]) -> Option<Self> {
        let all = || curves.iter().flat_map(|(_, points)| points).filter(|(_, value)| value.is_finite());
        let bounds = |of: fn(&(f64, f64)) -> f64| {
            all().map(of).fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], v| [low.min(v), high.max(v)])
        };
        let (x, [low, high]) = (bounds(|p| p.0), bounds(|p| p.1));
        // Two decades are too many for a straight axis.
        let log = low > 0.0 && high / low >= 100.0;
        let extent = Self { x, y: [low, high], log };
        (x[0] <= x[1]).then(|| Self { y: [low, high].map(|value| extent.scaled(value)), ..extent })
    }

    fn scaled(&self, value: f64) -> f64 {
        if self.log { value.log10() } else { value }
    }
}

fn plot(frame: &mut Frame, area: Rect, extent: &Extent, curves: &[Named]) {
    let scaled = |&(place, value): &(f64, f64)| (place, extent.scaled(value));
    let curves: Vec<Vec<(f64, f64)>> = curves.iter().map(|(_, points)| points.iter().map(scaled).collect()).collect();
    let datasets = curves.iter().zip(COLOURS.iter().cycle()).map(|(points, &of)| {
        let points = Dataset::default().data(points).style(colour(of));
        points.marker(Marker::Braille).graph_type(GraphType::Line)
    });
    let ([first, last], [low, high]) = (extent.x, extent.y);
    let margin = if high > low { 0.0 } else { 0.5 };
    let labels = [low, (low + high) / 2.0, high]
        .map(|value| format!("{:>6}", short(if extent.log { 10_f64.powf(value) } else { value })));
    let x = Axis::default().bounds([first, last.max(first + 1.0)]).labels([first, last].map(|v| format!("{v:.0}")));
    let y = Axis::default().bounds([low - margin, high + margin]).labels(labels);
    frame.render_widget(Chart::new(datasets.collect()).x_axis(x).y_axis(y), area);
}

/// The names of the curves behind a stroke in their colours, in as many lines of this width as they need.
fn legend(curves: &[Named], width: u16) -> Vec<Line<'_>> {
    let mut lines: Vec<Line> = Vec::new();
    for ((name, _), &of) in curves.iter().zip(COLOURS.iter().cycle()) {
        let entry = [Span::styled("━━ ", colour(of)), Span::raw(name.as_str())];
        let room = entry.iter().map(Span::width).sum::<usize>() + 3;
        match lines.last_mut().filter(|line| line.width() + room <= usize::from(width)) {
            Some(line) => line.spans.extend([[Span::raw("   ")].as_slice(), &entry].concat()),
            None => lines.push(Line::from(entry.to_vec())),
        }
    }
    lines
}

fn last_epochs(board: &Board, width: u16) -> Table<'static> {
    let columns = usize::from(width.saturating_sub(6) / 14).min(board.measures.len());
    let names = board.measures.iter().take(columns).map(|measure| measure.name.replace('_', " "));
    let head = Row::new(std::iter::once("epoch".to_owned()).chain(names).collect::<Vec<_>>());
    let row = |row: &Vec<f64>| {
        let number = |&value: &f64| if value.is_nan() { String::new() } else { format!("{value:.4}") };
        let cells = row.iter().skip(1).take(columns).map(number);
        Row::new(std::iter::once(format!("{:>5}", row[0])).chain(cells).collect::<Vec<_>>())
    };
    let widths = std::iter::once(Constraint::Length(5)).chain((0..columns).map(|_| Constraint::Length(13)));
    let rows: Vec<Row> = board.recent.iter().map(row).collect();
    Table::new(rows, widths.collect::<Vec<_>>()).header(head.style(Style::new().add_modifier(Modifier::DIM)))
}

/// `3.2 s`, `2 min 05 s`, `1 h 12 min`.
fn time(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Four digits that matter, at most.
fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !(1e-3..1e5).contains(&size) => format!("{value:.1e}"),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

fn speed(samples: f64) -> String {
    match samples {
        s if s >= 1e6 => format!("{:.1} M samples/s", s / 1e6),
        s if s >= 1e3 => format!("{:.0} k samples/s", s / 1e3),
        s => format!("{s:.0} samples/s"),
    }
}

#[cfg(test)]
mod tests {
    use layerloop::train::{History, StepEnd};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn board() -> Board {
        let mut board = Board::new("digits: 64 -> 32 sigmoid -> 10 -> softmax".into(), 20, 900);
        for step in 1..=450 {
            let loss = 2.3 * 0.99_f32.powi(step);
            board.step(&StepEnd { step: step as u64, epoch: 10, rows: 32, loss, learning_rate: 0.005 });
        }
        let names = ["epoch", "steps", "seconds", "learning_rate", "train_loss", "test_loss", "test_accuracy"];
        let mut history = History::new(names);
        for epoch in 1..=10 {
            let e = f64::from(epoch);
            history.push([e, 45.0 * e, e, 0.005, 2.0 / e, 2.2 / e, 1.0 - 0.5 / e]);
            board.epoch(&history);
        }
        (board.speed, board.left) = (1.5e6, Some(Duration::from_secs(125)));
        board
    }

    fn drawn(board: &Board, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, board)).unwrap();
        let buffer = terminal.backend().buffer();
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..height).map(row).collect()
    }

    #[test]
    fn all_is_there_at_eighty_by_twenty_four() {
        let lines = drawn(&board(), 80, 24);
        assert_eq!(lines[0], "digits: 64 -> 32 sigmoid -> 10 -> softmax");
        assert!(lines[1].contains("50 %, 2 min 05 s left"), "{}", lines[1]);
        assert_eq!(lines[2], "epoch 10/20  step 450/900  loss 0.0250  lr 0.0050  1.5 M samples/s");
        assert!(lines[3].contains("loss over steps") && lines[3].contains("scores over epochs"), "{}", lines[3]);
        assert_eq!(lines[17], "epoch train loss    test loss     test accuracy");
        assert_eq!(lines[22], "   10 0.2000        0.2200        0.9500");
        assert_eq!(lines[23], "space pause   l lower the rate to half   q stop and save");
        let all = lines.join("\n");
        assert!(all.contains("2.28"), "{all}");
        assert!(lines[15].starts_with("│━━ train   ━━ test ") && lines[15].contains("│━━ test accuracy "), "{all}");
    }

    /// A board whose curves fill their charts: each value is the smallest or the largest.
    fn full() -> Board {
        let mut board = Board::new("full".into(), 500, 500);
        let names = ["epoch", "steps", "seconds", "learning_rate", "train_loss", "val_loss", "val_accuracy", "val_f1"];
        let mut history = History::new(names);
        for k in 1..=500 {
            let loss = 1.0 + (k % 2) as f32;
            board.step(&StepEnd { step: k, epoch: k as usize, rows: 32, loss, learning_rate: 0.005 });
            let [k, loss] = [k as f64, loss.into()];
            history.push([k, k, k, 0.005, loss, loss, loss - 1.0, loss - 1.0]);
            board.epoch(&history);
        }
        board
    }

    /// The legend lay on the curves, in the corner at the upper right.
    #[test]
    fn the_legend_covers_no_curve() {
        for (width, height) in [(80, 24), (200, 50)] {
            let lines = drawn(&full(), width, height);
            let all = lines.join("\n");
            let end = lines.iter().position(|line| line.starts_with('└')).expect("the end of the charts");
            let cells: Vec<Vec<char>> = lines[..end].iter().map(|line| line.chars().collect()).collect();
            // The frame of each chart, its axis of y, and the axis of x, a line above the numbers.
            let (names, axis) = (end - 1, end - 3);
            let columns = |of: char, y: usize| (0..cells[y].len()).filter(|&x| cells[y][x] == of).collect::<Vec<_>>();
            let (corners, ends) = (columns('└', axis), columns('┐', 3));
            assert_eq!((corners.len(), ends.len()), (2, 2), "{all}");
            for (&from, &to) in corners.iter().zip(&ends) {
                for (y, row) in cells.iter().enumerate().take(axis).skip(4) {
                    let curve = |c: &char| ('\u{2801}'..='\u{28ff}').contains(c);
                    assert!(row[from + 1..to].iter().all(curve), "line {y} of {width} x {height}:\n{all}");
                }
            }
            for name in ["━━ train", "━━ val", "━━ val accuracy", "━━ val f1"] {
                assert!(lines[names].contains(name), "{name} at {width} x {height}:\n{all}");
            }
        }
    }

    #[test]
    fn many_names_take_more_lines_but_leave_room_for_the_curves() {
        let curves: Vec<Named> = (0..6).map(|k| (format!("val measure {k}"), vec![(1.0, 1.0), (2.0, 2.0)])).collect();
        let lines: Vec<String> = legend(&curves, 40).iter().map(ToString::to_string).collect();
        let two = |a, b| format!("━━ val measure {a}   ━━ val measure {b}");
        assert_eq!(lines, [two(0, 1), two(2, 3), two(4, 5)]);
        assert_eq!(legend(&curves, 5).len(), 6);
        let mut terminal = Terminal::new(TestBackend::new(24, 10)).unwrap();
        terminal.draw(|frame| chart(frame, frame.area(), "scores", &curves)).unwrap();
        let named = terminal.backend().to_string().matches("━━").count();
        assert_eq!(named, 10 - 2 - usize::from(LEAST_PLOT));
    }

    #[test]
    fn a_small_terminal_has_the_essentials_and_a_paused_run_says_so() {
        let mut board = board();
        board.paused = true;
        board.say("rate halved".into());
        let lines = drawn(&board, 40, 12);
        assert!(lines[2] == "loss 0.0250  lr 0.0050  epoch 10  step 4", "{}", lines[2]);
        assert!(lines[3].contains("loss over steps") && !lines.join("").contains("scores"), "{lines:?}");
        assert_eq!(lines[11], " PAUSED   space go on   q stop   rate ha");
        drawn(&board, 8, 3);
        drawn(&Board::new("nothing yet".into(), 1, 1), 80, 24);
    }

    #[test]
    fn a_loss_of_many_decades_has_a_logarithmic_axis() {
        let mut board = board();
        for step in 451..=900 {
            let loss = 2.3 * 0.99_f32.powi(step);
            board.step(&StepEnd { step: step as u64, epoch: 20, rows: 32, loss, learning_rate: 0.005 });
        }
        assert!(drawn(&board, 80, 24)[3].contains("loss over steps, log"));
    }

    #[test]
    fn numbers_are_as_people_read_them() {
        assert_eq!(
            [0.0, 0.00012, 0.005, 1.5, 123.4, 1e6].map(short),
            ["0", "1.2e-4", "0.0050", "1.50", "123", "1.0e6"]
        );
        assert_eq!(
            [3.21, 59.0, 61.0, 3725.0].map(|s| time(Duration::from_secs_f64(s))),
            ["3.2 s", "59 s", "1 min 01 s", "1 h 02 min"]
        );
    }
}
