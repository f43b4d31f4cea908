//! What is known of a run: from its folder, from a folder of logs, or from the model that it saved.

use std::fs;
use std::path::{Path, PathBuf};

use layerloop::model_file::Model;
use layerloop::train::{FitOptions, History};
use layerloop::{Error, Result};
use serde_json::{Map, Value};

#[derive(Debug, Default)]
pub(crate) struct Record {
    /// What tells it from the others.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The options, the data and the seed by name; empty where only logs are there.
    pub(crate) options: Vec<(String, Value)>,
    pub(crate) network: Option<String>,
    pub(crate) parameters: Option<usize>,
    pub(crate) sha256: Option<String>,
    /// Epoch by epoch; empty for a model file, which keeps the last values only.
    pub(crate) history: History,
    /// What the receipt of the model says of its training and of the test part.
    pub(crate) result: Map<String, Value>,
}

/// All of these, each with the shortest name that tells it from the others.
///
/// # Errors
/// Those of [`Record::read`].
pub(crate) fn named(paths: &[PathBuf]) -> Result<Vec<Record>> {
    let records = paths.iter().map(|path| Record::read(path)).collect::<Result<Vec<_>>>()?;
    Ok(records.into_iter().zip(names(paths)).map(|(record, name)| Record { name, ..record }).collect())
}

impl Record {
    /// # Errors
    /// [`Error::Data`] for a folder without a run, those of [`Model::load`] for a file that is not a model, [`Error::Format`] for a
    /// damaged receipt or history.
    fn read(path: &Path) -> Result<Self> {
        let record = if path.is_dir() { Self::of_folder(path)? } else { Self::of_model(path)? };
        Ok(Self { path: path.to_path_buf(), ..record })
    }

    fn of_model(path: &Path) -> Result<Self> {
        let model = Model::load(path)?;
        let spec = model.network.spec();
        let mut record = Self {
            parameters: Some(spec.parameters()),
            network: Some(spec.to_string()),
            sha256: Some(model.network.sha256()),
            result: model.receipt["result"].as_object().cloned().unwrap_or_default(),
            ..Self::default()
        };
        record.set_options(model.receipt);
        Ok(record)
    }

    /// A run that is not at its end has no model yet.
    fn of_folder(path: &Path) -> Result<Self> {
        let [receipt, model] = ["run.json", "model.safetensors"].map(|name| path.join(name));
        let mut record = if model.is_file() { Self::of_model(&model)? } else { Self::default() };
        let mut logs = path.join("logs");
        if receipt.is_file() {
            let text = fs::read_to_string(&receipt).map_err(Error::io(&receipt))?;
            let said: Value = serde_json::from_str(&text).map_err(|e| Error::format(&receipt, e.to_string()))?;
            if let Some(elsewhere) = said["arguments"]["log_dir"][0].as_str() {
                logs = elsewhere.into();
            }
            record.network = record.network.or_else(|| said["network"].as_str().map(str::to_owned));
            record.set_options(said);
        }
        let history = [logs, path.to_path_buf()].map(|folder| folder.join("history.csv"));
        match history.iter().find(|file| file.is_file()) {
            Some(file) => record.history = History::load_csv(file)?,
            None if record.options.is_empty() => {
                let reason =
                    "no run: there is neither run.json nor history.csv in it; `train --run DIR` makes such a folder";
                return Err(Error::format(path, reason));
            }
            None => {}
        }
        Ok(record)
    }

    /// Options by their names, with those that a receipt leaves out because they have default values.
    fn set_options(&mut self, receipt: Value) {
        let Value::Object(mut receipt) = receipt else { return };
        for elsewhere in ["arguments", "result", "network"] {
            receipt.remove(elsewhere);
        }
        let mut options = FitOptions::default().described();
        if let (Some(all), Some(Value::Object(said))) = (options.as_object_mut(), receipt.remove("options")) {
            all.extend(said);
            all.remove("seed"); // beside the options in every receipt
        }
        self.options = self.network.iter().map(|network| ("network".to_owned(), network.as_str().into())).collect();
        flat("", &options, &mut self.options);
        flat("", &Value::Object(receipt), &mut self.options);
    }
}

/// Every value that is not an object, by its path: `early_stopping.patience`.
fn flat(path: &str, value: &Value, into: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(object) => {
            let inside = |name: &String| if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            object.iter().for_each(|(name, value)| flat(&inside(name), value, into));
        }
        other => into.push((path.to_owned(), other.clone())),
    }
}

/// The parts of the paths between those with which all begin and those with which all end.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let parts = |path: &PathBuf| path.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    let parts: Vec<Vec<String>> = paths.iter().map(parts).collect();
    let most = parts.iter().map(Vec::len).min().unwrap_or(0).saturating_sub(1);
    let shared = |part: &dyn Fn(&Vec<String>) -> String| parts.iter().all(|one| part(one) == part(&parts[0]));
    let before = (0..most).take_while(|&i| shared(&|parts| parts[i].clone())).count();
    let after = (0..most - before).take_while(|&i| shared(&|parts| parts[parts.len() - 1 - i].clone())).count();
    let name = |parts: &Vec<String>| parts[before..parts.len() - after].join("/");
    parts.iter().map(name).map(|name| name.trim_end_matches(".safetensors").to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_tells_the_paths_apart() {
        let names = |paths: &[&str]| names(&paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(names(&["runs/a", "runs/b"]), ["a", "b"]);
        assert_eq!(names(&["a/model.safetensors", "b/c/model.safetensors"]), ["a", "b/c"]);
        assert_eq!(names(&["x/m.safetensors", "x/n.safetensors"]), ["m", "n"]);
        assert_eq!(names(&["runs/a"]), ["a"]);
        assert_eq!(names(&["a", "a"]), ["a", "a"]);
    }
}
