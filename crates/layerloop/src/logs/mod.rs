//! A run for the tools that people already have: CSV, JSON lines, TensorBoard.

mod tensorboard;

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

pub use self::tensorboard::EventFile;
use crate::files::{make_folder, write_atomically};
use crate::network::Tensor;
use crate::train::{Callback, EpochEnd, History, Run, StepEnd};
use crate::{Error, Result};

/// The name of the table.
const TABLE: &str = "history.csv";
const EVENTS: &str = "events.jsonl";

/// What a curve is drawn by: its name, and its points.
pub type Curve = (String, Vec<(f64, f64)>);

/// The size of the gradient of each layer over the epochs of a run, from the log folder that it left: small ones below and large
/// ones above mean that the gradient vanishes. Empty where there is no such log.
#[must_use]
pub fn gradient_norms(folder: impl AsRef<Path>) -> Vec<Curve> {
    let text = std::fs::read_to_string(folder.as_ref().join(EVENTS)).unwrap_or_default();
    let mut curves: Vec<Curve> = Vec::new();
    for event in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let (Some(epoch), Some(norms)) = (event["epoch"].as_f64(), event["gradient_norms"].as_object()) else {
            continue;
        };
        for (layer, norm) in norms.iter().filter_map(|(layer, norm)| Some((layer, norm.as_f64()?))) {
            match curves.iter_mut().find(|(name, _)| name == layer) {
                Some((_, points)) => points.push((epoch, norm)),
                None => curves.push((layer.clone(), vec![(epoch, norm)])),
            }
        }
    }
    curves
}

/// A callback that writes into a folder
///
/// - `history.csv`: the [`History`], a row for each epoch;
/// - `events.jsonl`: an object for each epoch, and for every so many steps;
/// - an event file for TensorBoard: the same numbers, the norms of the gradient, and after every epoch histograms of the
///   weights and of the newest gradient, layer by layer.
///
/// A log that cannot be written ends no run: the first failure is kept for [`Self::failure`], and the log is silent from then on.
#[derive(Debug)]
pub struct Logs {
    csv: Appended,
    json: Appended,
    events: EventFile,
    steps_every: u64,
    failure: Option<Error>,
}

impl Logs {
    /// Logs in `folder`, which is made if it is missing, of every epoch and of each step that `steps_every` divides.
    ///
    /// # Errors
    /// [`Error::Config`] if files of their names are there already; [`Error::Io`] if the folder cannot be made or written.
    pub fn new(folder: impl AsRef<Path>, steps_every: u64) -> Result<Self> {
        let folder = folder.as_ref();
        let is_there = |name: &&&str| fs::metadata(folder.join(name)).is_ok_and(|there| there.len() > 0);
        if let Some(name) = [TABLE, EVENTS].iter().find(is_there) {
            let reason = format!("{} has a file `{name}` already; name another folder", folder.display());
            return Err(Error::config("log_dir", reason));
        }
        Self::go_on(folder, steps_every, None)
    }

    /// As [`Self::new`], where what is there already is of the run that goes on from the checkpoint after so many steps and whole
    /// epochs, or else from its beginning: what is later is taken out.
    ///
    /// # Errors
    /// [`Error::Config`] if the files there are not logs; [`Error::Io`] if the folder cannot be made or written.
    pub fn go_on(folder: impl AsRef<Path>, steps_every: u64, from: Option<(u64, usize)>) -> Result<Self> {
        let folder = folder.as_ref();
        make_folder(folder)?;
        let (steps, epochs) = from.map_or((0, 0), |(steps, epochs)| (steps, epochs as u64));
        let row = |line: &str| {
            let epoch = line.split(',').next().and_then(|field| field.parse().ok());
            from.is_some() && (line.starts_with("epoch,") || epoch.is_some_and(|epoch: u64| epoch <= epochs))
        };
        let object = |line: &str| {
            let event: Value = serde_json::from_str(line).unwrap_or_default();
            let (of, most) = if event["event"] == "epoch" { ("epoch", epochs) } else { ("step", steps) };
            event[of].as_u64().is_some_and(|at| at <= most)
        };
        let (table, objects) = (folder.join(TABLE), folder.join(EVENTS));
        let csv = kept(&table, "epoch,steps,seconds,", row)?;
        let json = kept(&objects, "{\"event\":", object)?;
        let (csv, json) = (Appended::open(table, csv)?, Appended::open(objects, json)?);
        // A checkpoint may be of the last step of an epoch whose end was logged after it, at that very step: all that TensorBoard
        // has of the step is discarded then, and what remains valid is written again.
        let text = std::fs::read_to_string(folder.join(EVENTS)).map_err(Error::io(folder))?;
        let kept = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let at_step: Vec<Value> = kept.filter(|event| from.is_some() && event["step"] == steps).collect();
        let ended = at_step.iter().any(|event| event["event"] == "epoch");
        let mut events = EventFile::create(folder, if ended { steps + 1 } else { from.map_or(0, |_| steps) })?;
        for event in at_step.iter().filter(|_| !ended) {
            step_scalars(&mut events, steps, event["loss"].as_f64(), event["learning_rate"].as_f64());
        }
        events.flush()?;
        Ok(Self { csv, json, events, steps_every: steps_every.max(1), failure: None })
    }

    /// What went wrong first, if anything did.
    pub fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    fn note(&mut self, written: Result<()>) {
        self.failure = self.failure.take().or(written.err());
    }

    fn epoch(&mut self, end: &EpochEnd, run: &mut Run) -> Result<()> {
        let (history, step) = (run.history(), end.steps);
        let mut csv = History::new(history.names());
        csv.push(history.rows().last().into_iter().flatten().copied());
        let csv = csv.to_csv();
        let (head, row) = csv.split_at(csv.find('\n').map_or(0, |at| at + 1));
        self.csv.append(if self.csv.empty { &csv } else { row })?;
        debug_assert!(head.starts_with("epoch,"));
        let mut object = Map::from_iter([("event".into(), json!("epoch")), ("step".into(), json!(step))]);
        for (name, &value) in history.names().iter().zip(history.rows().last().into_iter().flatten()) {
            let whole = ["epoch", "steps"].contains(&name.as_str());
            let value = if whole { json!(value as u64) } else { json!(value) };
            object.insert(name.clone(), value);
        }
        if let Some(norms) = run.gradient_norms() {
            let of_layer = |(layer, norm): &(String, f64)| (layer.clone(), json!(norm));
            object.insert("gradient_norms".into(), Value::Object(norms.layers.iter().map(of_layer).collect()));
        }
        self.json.append(&format!("{}\n", Value::Object(object)))?;
        for (name, &value) in history.names().iter().zip(history.rows().last().into_iter().flatten()).skip(3) {
            self.events.scalar(&tag(name), step, value);
        }
        for (layer, norm) in run.gradient_norms().iter().flat_map(|norms| &norms.layers) {
            self.events.scalar(&format!("gradient norm/layer {layer}"), step, *norm);
        }
        let (gradient, mut start) = (run.gradient(), 0);
        for Tensor { name, values, .. } in run.network().tensors() {
            self.events.histogram(&format!("weights/{name}"), step, &values);
            if let Some(gradient) = &gradient {
                self.events.histogram(&format!("gradients/{name}"), step, &gradient[start..start + values.len()]);
            }
            start += values.len();
        }
        self.events.flush()
    }

    fn step(&mut self, end: &StepEnd) -> Result<()> {
        let StepEnd { step, epoch, loss, learning_rate, .. } = *end;
        let object =
            json!({ "event": "step", "step": step, "epoch": epoch, "loss": loss, "learning_rate": learning_rate });
        self.json.append(&format!("{object}\n"))?;
        step_scalars(&mut self.events, step, Some(loss.into()), Some(learning_rate));
        self.events.flush()
    }
}

/// What TensorBoard gets of a step; the other log has no place for a number that is not finite.
fn step_scalars(events: &mut EventFile, step: u64, loss: Option<f64>, learning_rate: Option<f64>) {
    for (tag, value) in [("loss/step", loss), ("learning rate/step", learning_rate)] {
        if let Some(value) = value {
            events.scalar(tag, step, value);
        }
    }
}

/// `val_loss` is `loss/val`, so that TensorBoard draws what can be compared side by side.
fn tag(column: &str) -> String {
    match column.split_once('_') {
        Some((set, metric)) if column != "learning_rate" => format!("{metric}/{set}"),
        _ => "learning rate/epoch".into(),
    }
}

impl Callback for Logs {
    fn on_start(&mut self, run: &mut Run) -> Result<()> {
        run.measure_gradient_norms_every_epoch();
        Ok(())
    }

    fn on_step(&mut self, end: &StepEnd, _: &mut Run) -> ControlFlow<()> {
        if self.failure.is_none() && end.step.is_multiple_of(self.steps_every) {
            let written = self.step(end);
            self.note(written);
        }
        ControlFlow::Continue(())
    }

    fn on_epoch(&mut self, end: &EpochEnd, run: &mut Run) -> ControlFlow<()> {
        if self.failure.is_none() {
            let written = self.epoch(end, run);
            self.note(written);
        }
        ControlFlow::Continue(())
    }
}

/// A file of lines that grows.
#[derive(Debug)]
struct Appended {
    path: PathBuf,
    file: File,
    empty: bool,
}

/// The complete lines of a file for which `keep` holds, and whether the file has more; no lines if there is no file.
///
/// # Errors
/// [`Error::Config`] if the file does not begin with `start`, and so is not of layerloop; [`Error::Io`] if it cannot be read.
fn kept(path: &Path, start: &str, keep: impl Fn(&str) -> bool) -> Result<(String, bool)> {
    let there = match fs::read(path) {
        Ok(there) => String::from_utf8_lossy(&there).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::io(path)(error)),
    };
    if !there.starts_with(start) && !start.starts_with(&there) {
        let reason = format!("{} is not a log that layerloop wrote; name another folder", path.display());
        return Err(Error::config("log_dir", reason));
    }
    let kept: String = there.split_inclusive('\n').filter(|line| line.ends_with('\n') && keep(line)).collect();
    let fewer = kept != there;
    Ok((kept, fewer))
}

impl Appended {
    /// With only the lines that are kept.
    fn open(path: PathBuf, (kept, fewer): (String, bool)) -> Result<Self> {
        if fewer {
            write_atomically(&path, kept.as_bytes())?;
        }
        let file = File::options().create(true).append(true).open(&path).map_err(Error::io(&path))?;
        Ok(Self { path, file, empty: kept.is_empty() })
    }

    fn append(&mut self, text: &str) -> Result<()> {
        self.empty = false;
        self.file.write_all(text.as_bytes()).map_err(Error::io(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Inputs};
    use crate::network::Network;
    use crate::train::{Checkpoint, FitContext, FitOptions, fit_with, on_step};

    /// The checkpoint after step 10, the last one of epoch 2, before the epoch is over.
    fn run(folder: &Path, epochs: usize) -> Checkpoint {
        let values: Vec<f32> = (0..40).map(|i| (i * 37 % 11) as f32 / 11.0).collect();
        let data =
            Dataset::new("test", Inputs::Floats(values.into()), 2, [0, 1, 0, 1, 1].repeat(4), ["a", "b"]).unwrap();
        let mut network = Network::new(&"2 -> 3 tanh -> 2".parse().unwrap(), 0).unwrap();
        let (mut logs, mut checkpoint) = (Logs::new(folder, 2).unwrap(), None);
        let mut keep = on_step(|end, run| {
            checkpoint = checkpoint.take().or((end.step == 10).then(|| run.checkpoint()));
            ControlFlow::Continue(())
        });
        let mut both = (&mut logs, &mut keep);
        let with = FitContext { watch: vec![("val", &data)], callback: Some(&mut both), ..FitContext::default() };
        let options = FitOptions { epochs, batch: 4, ..FitOptions::default() };
        fit_with(&mut network, &data, &options, with).unwrap();
        assert!(logs.failure().is_none());
        checkpoint.unwrap()
    }

    #[test]
    fn a_run_that_goes_on_takes_out_what_is_later_and_half_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let checkpoint = run(folder.path(), 3);
        let (csv, json) = (read("history.csv"), read(EVENTS));
        assert_eq!(csv.lines().count(), 1 + 3);
        assert!(csv.starts_with("epoch,steps,seconds,learning_rate,train_loss,val_loss,val_accuracy\n1,5,"), "{csv}");
        assert_eq!(History::from_csv(&csv).unwrap().rows().len(), 3);
        let objects: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects.iter().filter(|o| o["event"] == "step").count(), 7, "steps 2, 4, ..., 14");
        assert_eq!((&objects[2]["epoch"], &objects[2]["steps"]), (&json!(1), &json!(5)));
        assert!(objects[2]["val_accuracy"].is_number() && objects[2]["val_loss"].is_number());

        File::options().append(true).open(folder.path().join(EVENTS)).unwrap().write_all(b"{\"ev").unwrap();
        let refused = Logs::new(folder.path(), 2).unwrap_err().to_string();
        assert!(refused.ends_with(" has a file `history.csv` already; name another folder"), "{refused}");
        drop(Logs::go_on(folder.path(), 2, Some((checkpoint.steps(), checkpoint.epochs()))).unwrap());
        assert_eq!(read("history.csv"), csv.split_inclusive('\n').take(2).collect::<String>());
        let until = |o: &&Value| o["step"].as_u64().unwrap() <= 10 && o["epoch"].as_u64().unwrap() <= 2;
        let kept = |o: &&Value| until(o) && !(o["event"] == "epoch" && o["epoch"] == 2);
        assert_eq!(read(EVENTS).lines().count(), objects.iter().filter(kept).count());
        drop(Logs::go_on(folder.path(), 2, None).unwrap());
        assert_eq!((read("history.csv"), read(EVENTS)), (String::new(), String::new()));
    }

    /// The lines of another program were removed.
    #[test]
    fn files_of_another_program_are_refused_and_stay() {
        for (name, text) in [(EVENTS, "{\"user\":\"data\"}\n"), (TABLE, "a,b\n1,2\n"), (EVENTS, "note")] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            let refused = [Logs::new(folder.path(), 2), Logs::go_on(folder.path(), 2, Some((10, 2)))];
            for (refused, reason) in
                refused.into_iter().zip(["already; name another", "not a log that layerloop wrote"])
            {
                let refused = refused.unwrap_err().to_string();
                assert!(refused.contains(name) && refused.contains(reason), "{refused}");
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }
}
