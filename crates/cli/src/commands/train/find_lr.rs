//! `layerloop train --find-lr`: the loss over the learning rate, as a curve in the terminal.

use std::ffi::OsString;

use layerloop::Result;
use layerloop::train::Finding;
use serde_json::json;

use crate::args::Train;
use crate::output::line;
use crate::shell;

/// Columns and rows of the curve.
const SIZE: [usize; 2] = [72, 14];

/// Prints what was found, and what to run next.
pub(super) fn report(args: &Train, found: &Finding) -> Result<()> {
    let Finding { rates, losses, proposed, .. } = found;
    if args.json {
        return line(json!({"event": "find_lr", "proposed": proposed, "rates": rates, "losses": losses}));
    }
    line(format_args!("{}\n", curve(rates, losses)))?;
    match proposed {
        Some(rate) => line(format_args!(
            "The loss falls fastest at a learning rate of {rate:e}. Next:\n\n  {} --lr {rate:e}",
            typed(std::env::args_os())
        )),
        None => line("No rate made the loss fall; look at the data, the scale of the inputs and the network."),
    }
}

/// The command that was typed, without `--find-lr`.
fn typed(words: impl Iterator<Item = OsString>) -> String {
    shell::command(words.skip(1).filter(|word| word != "--find-lr"))
}

/// The losses over the logarithm of their rates: a column has the mean of its losses.
fn curve(rates: &[f64], losses: &[f64]) -> String {
    let [width, height] = SIZE;
    let count = losses.len();
    let columns = width.min(count);
    // The rates grow by the same factor every step, so that equal numbers of steps are equal lengths of the axis.
    let column = |x: usize| {
        let part = &losses[x * count / columns..(x + 1) * count / columns];
        part.iter().sum::<f64>() / part.len() as f64
    };
    let means: Vec<f64> = (0..columns).map(column).collect();
    let [low, high] = means.iter().fold([f64::INFINITY, 0.0], |[low, high]: [f64; 2], &y| [low.min(y), high.max(y)]);
    let row_of = |y: f64| ((high - y) / (high - low).max(f64::MIN_POSITIVE) * (height - 1) as f64).round() as usize;
    let row = |row: usize| {
        let label = high - (high - low) * row as f64 / (height - 1) as f64;
        let marks: String = means.iter().map(|&y| if row_of(y) == row { '*' } else { ' ' }).collect();
        format!("{label:>8.4} |{}", marks.trim_end())
    };
    let rows: Vec<String> = (0..height).map(row).collect();
    format!("    loss\n{}\n{:>8} +{}\n{}", rows.join("\n"), "", "-".repeat(columns), axis(rates, columns))
}

/// Every power of ten below its column.
fn axis(rates: &[f64], columns: usize) -> String {
    let mut text = " ".repeat(10);
    let decade = |rate: f64| (rate.log10() + 1e-9).floor() as i32;
    for x in 0..columns {
        let at = x * rates.len() / columns;
        let starts = x == 0 || decade(rates[at]) > decade(rates[(x - 1) * rates.len() / columns]);
        if starts && text.len() <= 10 + x {
            text = format!("{text:<width$}{}", format_args!("1e{}", decade(rates[at])), width = 10 + x);
        }
    }
    format!("{text}  learning rate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_has_its_lowest_point_at_the_bottom_and_decades_on_its_axis() {
        let rates: Vec<f64> = (0..81).map(|i| 1e-7 * 10_f64.powf(f64::from(i) / 10.0)).collect();
        let losses: Vec<f64> = (0..81).map(|i| 1.0 + (f64::from(i) / 60.0 - 1.0).powi(2)).collect();
        let drawn = curve(&rates, &losses);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), 1 + SIZE[1] + 2);
        assert!(lines[1].starts_with("  2.0") || lines[1].starts_with("  1.9"), "{drawn}");
        assert!(lines[1].contains("|*") && lines[SIZE[1]].contains("1.0000 |   "), "{drawn}");
        assert!(lines[SIZE[1] + 2].trim_start().starts_with("1e-7") && drawn.contains("1e-3"), "{drawn}");
        assert!(curve(&[1e-7], &[1.0]).contains('*'));
    }

    #[test]
    fn the_next_command_is_what_was_typed() {
        let words = ["bin", "train", "digits", "--find-lr", "--network", "64 -> 10"].map(OsString::from);
        assert!(typed(words.into_iter()).ends_with(" train digits --network '64 -> 10'"));
    }
}
