//! Charts as SVG: lines, bars, points.

use std::fmt::Write as _;

use super::{escape, short};

/// The plane of a chart, and its room for labels.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 124.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 34.0;
/// From one name to the next.
const LINE: f64 = 14.0;

/// An axis: from, to, by logarithm or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    log: bool,
}

/// When an axis goes by logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// Equal steps.
    Never,
    /// Where the values span more than two decades.
    OverDecades,
    /// Equal factors.
    Always,
}

impl Scale {
    /// The axis for all of these; logarithmic if `log` is set, unless one of them is not above 0.
    pub(super) fn of(values: impl Iterator<Item = f64>, log: Log) -> Option<Self> {
        let ends =
            values.filter(|v| v.is_finite()).fold([f64::INFINITY, f64::NEG_INFINITY], |[l, h], v| [l.min(v), h.max(v)]);
        let [mut low, mut high] = ends;
        if low > high {
            return None;
        }
        let log = low > 0.0 && (log == Log::Always || log == Log::OverDecades && high / low > 100.0);
        if log && high / low < 1.000_001 {
            (low, high) = (low / 2.0, high * 2.0);
        }
        if !log && high - low < 1e-12 * high.abs().max(1e-300) {
            (low, high) = (low - 0.5, high + 0.5);
        }
        Some(Self { low, high, log })
    }

    /// From 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let f = |v: f64| if self.log { v.max(f64::MIN_POSITIVE).log10() } else { v };
        ((f(value) - f(self.low)) / (f(self.high) - f(self.low))).clamp(0.0, 1.0)
    }

    /// Round numbers on it, about five.
    pub(super) fn ticks(&self) -> Vec<f64> {
        if self.log {
            let [low, high] = [self.low.log10().floor() as i32, self.high.log10().ceil() as i32];
            let inside = |steps: &[f64]| -> Vec<f64> {
                let ticks = (low..=high).flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)));
                ticks.filter(|tick| (self.low..=self.high).contains(tick)).collect()
            };
            let powers = inside(&[1.0]);
            // Every other power, or every third, where there are many; numbers between them where there are few.
            let every = powers.len().div_ceil(6).max(1);
            return if powers.len() < 3 {
                inside(&[1.0, 2.0, 5.0])
            } else {
                powers.into_iter().step_by(every).collect()
            };
        }
        let rough = (self.high - self.low) / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| *step >= rough).unwrap_or(power);
        let first = (self.low / step).ceil() as i64;
        (first..).map(|i| i as f64 * step).take_while(|tick| *tick <= self.high + 1e-9 * step).take(12).collect()
    }
}

/// The frame of a chart: grid, ticks, and what is inside.
struct Plane {
    x: Scale,
    y: Scale,
    inside: String,
}

impl Plane {
    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let across = LEFT + self.x.place(x) * (WIDTH - LEFT - RIGHT);
        (across, TOP + (1.0 - self.y.place(y)) * (HEIGHT - TOP - BOTTOM))
    }

    fn svg(self, title: &str, x_name: &str) -> String {
        let mut frame = String::new();
        for tick in self.y.ticks() {
            let (_, y) = self.at(self.x.low, tick);
            let (right, label) = (WIDTH - RIGHT, short(tick));
            _ = write!(frame, r#"<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1}" y2="{y:.1}"/>"#);
            let (x, y) = (LEFT - 8.0, y + 4.0);
            _ = write!(frame, r#"<text x="{x}" y="{y:.1}" text-anchor="end">{label}</text>"#);
        }
        for tick in self.x.ticks() {
            let (x, _) = self.at(tick, self.y.low);
            let (y, label) = (HEIGHT - BOTTOM + 18.0, short(tick));
            _ = write!(frame, r#"<text x="{x:.1}" y="{y}" text-anchor="middle">{label}</text>"#);
        }
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        _ = write!(frame, r#"<line class="axis" x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>"#);
        let (x, y) = (right + 24.0, bottom + 18.0);
        _ = write!(frame, r#"<text x="{x}" y="{y}">{x_name}</text>"#);
        let (title, inside) = (escape(title), self.inside);
        format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{title}</title>{frame}{inside}</svg>"#)
    }
}

/// Curves over a common axis, by logarithm as `log` says for x and y, each with its name, if it has one, at its end; where the pointer is, their values are shown.
pub fn lines(title: &str, x_name: &str, curves: &[(String, Vec<(f64, f64)>)], log: [Log; 2]) -> Option<String> {
    let points = || curves.iter().flat_map(|(_, points)| points);
    let (x, y) = (Scale::of(points().map(|p| p.0), log[0])?, Scale::of(points().map(|p| p.1), log[1])?);
    let mut plane = Plane { x, y, inside: String::new() };
    let mut ends: Vec<(usize, f64)> = Vec::new();
    for (i, (_, points)) in curves.iter().enumerate() {
        let finite: Vec<(f64, f64)> = points.iter().filter(|p| p.1.is_finite()).map(|p| plane.at(p.0, p.1)).collect();
        let Some(&(_, end)) = finite.last() else { continue };
        let path: Vec<String> = finite.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let class = i % 4;
        _ = match finite[..] {
            [(x, y)] => write!(plane.inside, r#"<circle class="dot c{class}" cx="{x:.1}" cy="{y:.1}" r="4"/>"#),
            _ => write!(plane.inside, r#"<polyline class="curve c{class}" points="{}"/>"#, path.join(" ")),
        };
        if !curves[i].0.is_empty() {
            ends.push((i, end));
        }
    }
    for (i, end) in apart(ends) {
        let (x, y, class, name) = (WIDTH - RIGHT + 8.0, end + 4.0, i % 4, escape(&curves[i].0));
        _ = write!(plane.inside, r#"<text class="name c{class}" x="{x}" y="{y:.1}">{name}</text>"#);
    }
    plane.inside += &values(&plane, x_name, curves);
    Some(plane.svg(title, x_name))
}

/// Names at the ends of curves that would overlap are moved up, or down again where they would leave the chart.
fn apart(mut ends: Vec<(usize, f64)>) -> Vec<(usize, f64)> {
    ends.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut room = HEIGHT - BOTTOM - 4.0;
    for (_, end) in &mut ends {
        *end = end.min(room);
        room = *end - LINE;
    }
    let mut top = TOP;
    for (_, end) in ends.iter_mut().rev() {
        *end = end.max(top);
        top = *end + LINE;
    }
    ends
}

/// A chart as a file of its own.
pub fn standalone(svg: &str) -> String {
    let style = include_str!("style.css");
    let size = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}""#);
    svg.replacen("<svg", &size, 1).replacen("</title>", &format!("</title><style>{style}</style>"), 1)
}

/// Places of a chart that show the values there, at most.
const PLACES: usize = 200;

/// A stripe for each place on the x axis, which shows the values of all curves while the pointer is on it.
fn values(plane: &Plane, x_name: &str, curves: &[(String, Vec<(f64, f64)>)]) -> String {
    let mut places: Vec<f64> = curves.iter().flat_map(|(_, points)| points.iter().map(|p| p.0)).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let every = places.len().div_ceil(PLACES).max(1);
    let places: Vec<f64> = places.into_iter().step_by(every).collect();
    let width = (WIDTH - LEFT - RIGHT) / places.len().max(1) as f64;
    let mut stripes = String::new();
    for &place in &places {
        let (across, _) = plane.at(place, plane.y.low);
        let value = |(name, points): &(String, Vec<(f64, f64)>)| {
            let (_, value) = points.iter().find(|p| p.0 == place && p.1.is_finite())?;
            Some(format!("{} {}", escape(name), short(*value)))
        };
        let values: Vec<String> = curves.iter().filter_map(value).collect();
        let said = format!("{x_name} {}: {}", short(place), values.join(", "));
        let (left, height, bottom) = (across - width / 2.0, HEIGHT - TOP - BOTTOM, HEIGHT - BOTTOM);
        _ = write!(
            stripes,
            r#"<g class="at"><rect x="{left:.1}" y="{TOP}" width="{width:.1}" height="{height}"/><line x1="{across:.1}" x2="{across:.1}" y1="{TOP}" y2="{bottom}"/><text x="{LEFT}" y="{}">{said}</text></g>"#,
            TOP - 4.0
        );
    }
    stripes
}

/// Points.
pub(super) fn scatter(title: &str, x_name: &str, points: &[(f64, f64)]) -> Option<String> {
    let all = Scale::of(points.iter().flat_map(|p| [p.0, p.1]), Log::Never)?;
    let mut plane = Plane { x: all, y: all, inside: String::new() };
    let ((x1, y1), (x2, y2)) = (plane.at(all.low, all.low), plane.at(all.high, all.high));
    plane.inside = format!(r#"<line class="grid" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#);
    for &(x, y) in points {
        let said = format!("{x_name} {}, predicted {}", short(x), short(y));
        let (x, y) = plane.at(x, y);
        _ = write!(
            plane.inside,
            r#"<circle class="dot c0" cx="{x:.1}" cy="{y:.1}" r="3"><title>{said}</title></circle>"#
        );
    }
    Some(plane.svg(title, x_name))
}

/// Accuracy of each bin of confidence beside the diagonal, where they would be equal.
pub(super) fn reliability(title: &str, bins: &[(f64, f64, usize)]) -> String {
    let unit = Scale { low: 0.0, high: 1.0, log: false };
    let mut plane = Plane { x: unit, y: unit, inside: String::new() };
    let width = (WIDTH - LEFT - RIGHT) / bins.len() as f64;
    for (i, (confidence, accuracy, count)) in bins.iter().enumerate().filter(|(_, bin)| bin.2 > 0) {
        let ((_, y), (_, floor)) = (plane.at(0.0, *accuracy), plane.at(0.0, 0.0));
        let (x, w, h) = (LEFT + i as f64 * width + 2.0, width - 4.0, floor - y);
        let said = format!("{count} rows: confidence {confidence:.3}, accuracy {accuracy:.3}");
        _ = write!(
            plane.inside,
            r#"<rect class="bar c0" x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{h:.1}"><title>{said}</title></rect>"#
        );
        let (x, y) = (x + w / 2.0, y - 5.0);
        _ = write!(plane.inside, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="middle">{count}</text>"#);
    }
    let ((x1, y1), (x2, y2)) = (plane.at(0.0, 0.0), plane.at(1.0, 1.0));
    _ = write!(plane.inside, r#"<line class="axis" stroke-dasharray="4 4" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#);
    plane.svg(title, "confidence")
}

/// How often what was predicted came true over the predicted probability, beside the diagonal, where they would be equal.
pub(super) fn calibration_curve(title: &str, bins: &[(f64, f64, usize)]) -> String {
    let most = bins.iter().fold(0.1, |most: f64, bin| most.max(bin.0).max(bin.1));
    let axis = Scale { low: 0.0, high: (most * 10.0).ceil().min(10.0) / 10.0, log: false };
    let mut plane = Plane { x: axis, y: axis, inside: String::new() };
    let ((x1, y1), (x2, y2)) = (plane.at(0.0, 0.0), plane.at(axis.high, axis.high));
    _ = write!(
        plane.inside,
        r#"<line class="axis" stroke-dasharray="4 4" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
    );
    let points: Vec<(f64, f64)> = bins.iter().map(|bin| plane.at(bin.0, bin.1)).collect();
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    _ = write!(plane.inside, r#"<polyline class="curve c0" points="{}"/>"#, path.join(" "));
    for ((x, y), (predicted, observed, rows)) in points.into_iter().zip(bins) {
        let said = format!("{rows} rows: predicted {predicted:.3}, observed {observed:.3}");
        _ = write!(
            plane.inside,
            r#"<circle class="dot c0" cx="{x:.1}" cy="{y:.1}" r="4"><title>{said}</title></circle>"#
        );
    }
    plane.svg(title, "predicted")
}

/// A bar with its name, its length, and how far that is from certain.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) deviation: Option<f64>,
}

/// Bars from 0, one below the other, each with its value behind it.
pub(super) fn bars(title: &str, all: &[Bar]) -> String {
    const NAMES: f64 = 170.0;
    const VALUES: f64 = 120.0;
    const ROW: f64 = 24.0;
    const LETTERS: usize = 24;
    let ends = |bar: &Bar| {
        let deviation = bar.deviation.unwrap_or(0.0);
        [bar.value - deviation, bar.value + deviation]
    };
    let [low, high] = all
        .iter()
        .flat_map(ends)
        .filter(|x| x.is_finite())
        .fold([0.0, 0.0], |[l, h]: [f64; 2], x| [l.min(x), h.max(x)]);
    let size = if high > low { high - low } else { 1.0 };
    let place = |x: f64| NAMES + (x.clamp(low, high) - low) / size * (WIDTH - NAMES - VALUES);
    let mut inside = String::new();
    for (i, bar) in all.iter().enumerate() {
        let (top, middle) = (4.0 + i as f64 * ROW, 4.0 + (i as f64 + 0.5) * ROW);
        let (from, to) = (place(bar.value.min(0.0)), place(bar.value.max(0.0)));
        let short_name: String = bar.name.chars().take(LETTERS).collect();
        let name = if short_name.len() < bar.name.len() { short_name + "..." } else { short_name };
        let deviation = bar.deviation.map_or_else(String::new, |deviation| format!(" \u{b1} {}", short(deviation)));
        let (said, value) = (escape(&bar.name), short(bar.value));
        _ = write!(
            inside,
            r#"<text x="{}" y="{:.1}" text-anchor="end">{}<title>{said}</title></text><rect class="bar c0" x="{from:.1}" y="{:.1}" width="{:.1}" height="{}"><title>{said}: {value}{deviation}</title></rect>"#,
            NAMES - 8.0,
            middle + 4.0,
            escape(&name),
            top + 3.0,
            to - from,
            ROW - 6.0
        );
        let [least, most] = ends(bar).map(place);
        if bar.deviation.is_some_and(|deviation| deviation > 0.0) {
            _ = write!(
                inside,
                r#"<line class="axis" x1="{least:.1}" x2="{most:.1}" y1="{middle:.1}" y2="{middle:.1}"/>"#
            );
        }
        let x = most.max(to) + 8.0;
        _ = write!(inside, r#"<text x="{x:.1}" y="{:.1}">{value}{deviation}</text>"#, middle + 4.0);
    }
    let (height, zero, title) = (8.0 + all.len() as f64 * ROW, place(0.0), escape(title));
    _ = write!(inside, r#"<line class="axis" x1="{zero:.1}" x2="{zero:.1}" y1="2" y2="{:.1}"/>"#, height - 2.0);
    format!(r#"<svg viewBox="0 0 {WIDTH} {height}" role="img"><title>{title}</title>{inside}</svg>"#)
}

/// How numbers are spread, in bins of equal width; small.
pub(super) fn histogram(title: &str, values: &[f32], class: usize) -> Option<String> {
    const BINS: usize = 41;
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let most = finite().fold(0.0_f32, |most, v| most.max(v.abs()));
    finite().next()?;
    let mut counts = [0_usize; BINS];
    let bin = |v: f32| ((v / most.max(f32::MIN_POSITIVE) + 1.0) / 2.0 * BINS as f32) as usize;
    finite().for_each(|v| counts[bin(v).min(BINS - 1)] += 1);
    let highest = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    let bars: String = (0..BINS)
        .map(|i| {
            let height = 60.0 * counts[i] as f64 / highest;
            let end = |i: usize| short(f64::from(most) * (2.0 * i as f64 / BINS as f64 - 1.0));
            format!(
                r#"<rect class="bar c{class}" x="{}" y="{:.1}" width="4.4" height="{height:.1}"><title>{} from {} to {}</title></rect>"#,
                i * 5,
                62.0 - height,
                counts[i],
                end(i),
                end(i + 1)
            )
        })
        .collect();
    let (title, most) = (escape(title), short(most.into()));
    Some(format!(
        r#"<svg viewBox="0 0 205 82" role="img"><title>{title}</title>{bars}<line class="axis" x1="0" x2="205" y1="62" y2="62"/><text x="0" y="78">-{most}</text><text x="102" y="78" text-anchor="middle">0</text><text x="205" y="78" text-anchor="end">{most}</text></svg>"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_curves_that_end_together_stay_inside_the_chart_and_apart() {
        for end in [TOP, 100.0, HEIGHT - BOTTOM] {
            let placed = apart((0..8).map(|i| (i, end + i as f64)).collect());
            assert!(placed.iter().all(|(_, y)| (TOP..HEIGHT - BOTTOM).contains(y)), "{placed:?}");
            assert!(placed.windows(2).all(|two| two[0].1 - two[1].1 >= LINE - 1e-9), "{placed:?}");
        }
    }

    #[test]
    fn bars_begin_at_0_and_a_calibration_curve_has_a_point_for_each_bin() {
        let bar = |name: &str, value, deviation| Bar { name: name.into(), value, deviation };
        let all = [bar("a <name> that is longer than there is room for it", 2.0, Some(0.5)), bar("b", -0.5, None)];
        let svg = bars("importance", &all);
        assert_eq!((svg.matches("<rect").count(), svg.matches("...<title>").count()), (2, 1));
        assert!(
            svg.contains("a &lt;name&gt;") && svg.contains(">2 \u{b1} 0.5</text>") && svg.contains(">-0.5</text>"),
            "{svg}"
        );
        assert!(svg.contains(r#"x="170.0""#), "the least value is where the names end: {svg}");
        assert!(bars("none", &[]).contains("<svg") && !bars("zero", &[bar("z", 0.0, Some(0.0))]).contains("NaN"));
        let svg = calibration_curve("curve", &[(0.02, 0.0, 10), (0.13, 0.21, 9)]);
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains("9 rows: predicted 0.130, observed 0.210") && svg.contains(">0.3</text>"), "{svg}");
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let ticks = |low: f64, high: f64| Scale::of([low, high].into_iter(), Log::OverDecades).unwrap().ticks();
        assert_eq!(ticks(0.0, 10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(1.0, 20.0), [5.0, 10.0, 15.0, 20.0]);
        assert_eq!(ticks(0.002, 1.5), [0.01, 0.1, 1.0]);
        assert_eq!(ticks(3.0, 3.0).len(), 5);
        let log = |low: f64, high: f64| Scale::of([low, high].into_iter(), Log::Always).unwrap().ticks();
        assert_eq!(log(0.15, 0.9), [0.2, 0.5]);
        assert_eq!(log(1.0, 100.0), [1.0, 10.0, 100.0]);
        assert_eq!(log(1e-12, 1.0).len(), 5);
        assert!(!log(3.0, 3.0).is_empty() && log(0.0, 4.0)[0] == 0.0, "no logarithm of 0");
        assert!(Scale::of([f64::NAN].into_iter(), Log::Never).is_none());
    }

    #[test]
    fn a_chart_has_a_curve_and_a_name_for_each_of_its_series() {
        let curve = |k: f64| (1..=5).map(|x| (f64::from(x), k / f64::from(x))).collect::<Vec<_>>();
        let svg =
            lines("loss <&>", "epoch", &[("train".into(), curve(1.0)), ("val".into(), curve(1.01))], [Log::Never; 2])
                .unwrap();
        assert_eq!((svg.matches("<polyline").count(), svg.matches("class=\"name").count()), (2, 2));
        assert!(svg.contains("<title>loss &lt;&amp;&gt;</title>"));
        assert_eq!(svg.matches(r#"<g class="at">"#).count(), 5);
        assert!(svg.contains(">epoch 2: train 0.5, val 0.505</text>"), "{svg}");
        let one =
            lines("one", "epoch", &[("train".into(), vec![(1.0, 2.0), (2.0, f64::NAN)])], [Log::Never; 2]).unwrap();
        assert!(one.contains("<circle") && !one.contains("NaN"), "{one}");
        assert!(lines("none", "epoch", &[("train".into(), vec![])], [Log::Never; 2]).is_none());
        assert!(histogram("w", &[f32::NAN], 0).is_none() && histogram("w", &[0.0], 0).is_some());
    }
}
