//! Where a training writes.

use std::path::{Path, PathBuf};

use layerloop::Result;
use layerloop::model_file::{Model, check_writable};

use super::folder::Folder;
use crate::args::Train;
use crate::places::{Kind, Places, folder as of_folder, same};

/// What is written at the end, and the logs.
pub(super) struct Outputs {
    model: Place,
    pub(super) report: Option<PathBuf>,
    /// The folder of the logs, and whether those of the run that goes on are there already.
    pub(super) logs: Option<(PathBuf, bool)>,
}

/// Where the model is saved.
enum Place {
    Nowhere,
    Here(PathBuf),
    /// The first free name after that of the data, when it is saved: no other file is replaced, whatever came there meanwhile.
    FreeName(String),
}

/// What a model of this data is called: the file's name without what says how it is written.
fn name_of(data: &Path) -> String {
    let name = data.file_name().map_or("model".into(), |name| name.to_string_lossy().into_owned());
    let ends = [".gz", ".zst", ".csv", ".tsv", ".txt", ".parquet", ".arrow", ".feather", ".ipc"];
    let short = ends
        .iter()
        .fold(name.as_str(), |name, end| name.strip_suffix(end).filter(|rest| !rest.is_empty()).unwrap_or(name));
    if name == "-" { "table".into() } else { short.to_owned() }
}

impl Outputs {
    /// As it was typed, or else in the folder of the run.
    pub(super) fn of(args: &Train, folder: Option<&Folder>) -> Self {
        let model = match (&args.save, folder) {
            (Some(path), _) => Place::Here(path.clone()),
            (None, _) if args.no_save || args.find_lr => Place::Nowhere,
            (None, Some(folder)) => Place::Here(folder.model()),
            (None, None) => Place::FreeName(name_of(&args.data)),
        };
        let logs = args.log_dir.clone().or(folder.map(Folder::logs));
        let earlier = folder.and_then(Folder::earlier_logs);
        let are_there = |path: &Path| earlier.as_deref().is_some_and(|earlier| same(path, earlier));
        Self {
            model,
            report: args.report.clone().or(folder.map(Folder::report)),
            logs: logs.map(|path| (path.clone(), are_there(&path))),
        }
    }

    /// Whether all of it can be written, and none of it is an input or of another program.
    ///
    /// # Errors
    /// Those of [`Places::check`].
    pub(super) fn check(&self, args: &Train, folder: Option<&Folder>) -> Result<()> {
        let mut places = Places::default().reads("DATA", of_folder([&args.data])).reads("--test", &args.test);
        if let Some(folder) = folder {
            let of_run = [folder.receipt(), folder.lock(), folder.checkpoints()];
            places = places.writes("a file of the run", Kind::OfRun, &of_run);
            places = places.writes("the best model of the run", Kind::Model, &[folder.best()]);
        }
        if let Some((logs, _)) = &self.logs {
            let logs = ["history.csv", "events.jsonl"].map(|name| logs.join(name));
            places = places.writes("a log of the run", Kind::OfRun, &logs);
        }
        match &self.model {
            Place::Nowhere => {}
            Place::Here(path) => places = places.writes("--save", Kind::Model, [path]),
            Place::FreeName(name) => {
                let free = names(name).find(|path| path.symlink_metadata().is_err());
                free.map_or(Ok(()), check_writable)?;
            }
        }
        // A model that the training begins with may be replaced by that which it ends with, and by nothing else.
        let warm_start =
            args.warm_start.iter().filter(|&path| !args.save.as_ref().is_some_and(|save| same(save, path)));
        places.reads("--warm-start", warm_start).writes("--report", Kind::Page, &self.report).check()
    }

    /// Saves the model, and says where.
    pub(super) fn save(&self, model: &Model) -> Result<Option<PathBuf>> {
        match &self.model {
            Place::Nowhere => Ok(None),
            Place::Here(path) => model.save(path).map(|()| Some(path.clone())),
            Place::FreeName(name) => model.save_to_free(names(name)).map(Some),
        }
    }
}

/// `digits.safetensors`, `digits-2.safetensors` and so on.
fn names(name: &str) -> impl Iterator<Item = PathBuf> {
    let numbered = (2..).map(move |n| format!("{name}-{n}.safetensors"));
    std::iter::once(format!("{name}.safetensors")).chain(numbered).map(PathBuf::from)
}
