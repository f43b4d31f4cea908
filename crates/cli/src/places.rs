//! Where a command reads and writes: no output is an input or another output, and none replaces a file of another program.

use std::fmt;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use layerloop::files::{Kind as FileKind, target, write_atomically};
use layerloop::model_file::{check_writable, is_model};
use layerloop::{Error, Result};
use layerloop_data::registry;

use crate::args::Command;

/// What a command writes to a place, and what may be there from before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A model; an earlier one may be replaced.
    Model,
    /// An HTML page or an SVG picture; an earlier one may be replaced.
    Page,
    /// A file that another program reads; an earlier one of layerloop may be replaced.
    Export,
    /// A file or a folder in the folder of a run, which looks after it.
    OfRun,
}

/// The places of a command, each with its name in messages.
#[derive(Debug, Default)]
pub(crate) struct Places {
    inputs: Vec<(&'static str, PathBuf)>,
    outputs: Vec<(&'static str, Kind, PathBuf)>,
}

impl Command {
    /// Where it reads and writes; of a training that is known when the folder of its run is open.
    pub(crate) fn places(&self) -> Places {
        let places = Places::default();
        match self {
            Self::Explain(args) => (places.reads("MODEL", &args.model).reads("DATA", folder(&args.data)))
                .writes("--html", Kind::Page, &args.html)
                .writes("--surface", Kind::Page, &args.surface),
            Self::Report(args) => (places.reads("RUN", &args.runs))
                .reads("the report of a run", &reports_of(&args.runs))
                .writes("--html", Kind::Page, &args.html),
            Self::Show(args) => places.reads("DATA", folder([&args.data])).writes("--out", Kind::Page, [&args.out]),
            Self::Bench(args) => places.writes("--svg", Kind::Page, &args.svg),
            // What `predict --pictures` draws gets names that are free.
            Self::Train(_) | Self::Predict(_) => places,
            Self::Summary(args) => places.reads("MODEL", [&args.model]).writes("--graph", Kind::Page, &args.graph),
            Self::Export(args) => places.reads("MODEL", [&args.model]).writes("--out", Kind::Export, [&args.out()]),
            Self::Import(args) => places.reads("FILE", [&args.file]).writes("--save", Kind::Model, [&args.save]),
            // These write no files.
            Self::Replay(_) | Self::Eval(_) | Self::Outliers(_) => places,
            Self::Inspect(_) | Self::CheckGradients(_) | Self::List(_) | Self::Completions(_) | Self::Man(_) => places,
        }
    }
}

/// Data that is a path, not the name of a data set.
pub(crate) fn folder<'a>(data: impl IntoIterator<Item = &'a PathBuf>) -> impl Iterator<Item = &'a PathBuf> {
    data.into_iter().filter(|data| data.to_str().and_then(registry::find).is_none())
}

/// The pages that runs have drawn in their folders.
fn reports_of(runs: &[PathBuf]) -> Vec<PathBuf> {
    runs.iter().map(|run| run.join("report.html")).collect()
}

impl Places {
    /// This is read.
    pub(crate) fn reads<'a>(mut self, name: &'static str, paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        self.inputs.extend(paths.into_iter().map(|path| (name, path.clone())));
        self
    }

    /// This is written.
    pub(crate) fn writes<'a>(
        mut self,
        name: &'static str,
        kind: Kind,
        paths: impl IntoIterator<Item = &'a PathBuf>,
    ) -> Self {
        self.outputs.extend(paths.into_iter().map(|path| (name, kind, path.clone())));
        self
    }

    /// Whether the command may begin: checked before anything is done.
    ///
    /// # Errors
    /// [`Error::Config`] for an output that is an input, is another output or is in one, or would replace a file that layerloop did
    /// not write; [`Error::Io`] for one that cannot be written.
    pub(crate) fn check(&self) -> Result<()> {
        let inputs = self.inputs.iter().filter(|(_, path)| path.exists());
        let inputs: Vec<_> = inputs.map(|(name, path)| (*name, Identity::of(path))).collect();
        let mut outputs: Vec<(&str, Identity)> = Vec::new();
        for (name, kind, path) in &self.outputs {
            let end = if *kind == Kind::OfRun { path.clone() } else { target(path)? };
            let (place, folder) = (Identity::of(&end), Identity::of(parent(&end)));
            let refuse = |reason: String| Err(Error::config(*name, format!("{} {reason}", path.display())));
            if let Some((other, _)) = inputs.iter().chain(&outputs).find(|(_, other)| *other == place) {
                return refuse(format!("is also {other}; name another file"));
            }
            if let Some((other, _)) = outputs.iter().find(|(_, other)| *other == folder) {
                return refuse(format!("is in {other}; name another file"));
            }
            if let Some(foreign) = kind.foreign(&end)? {
                return refuse(format!("is {foreign}, not {kind}; name another file, or remove this one"));
            }
            if *kind != Kind::OfRun {
                check_writable(path)?;
            }
            outputs.push((name, place));
        }
        Ok(())
    }
}

/// The folder of a path; of a bare name that in which the command runs.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Equal for equal files, however their paths are spelt: by links, `./` and `..`, as hard links, in another case.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    /// Device and number of what is there.
    There(u64, u64),
    /// What is not there yet, by its folder, and its name in small letters.
    Missing(Box<Identity>, String),
    Nowhere,
}

impl Identity {
    fn of(path: &Path) -> Self {
        #[cfg(unix)]
        if let Ok(there) = fs::metadata(path) {
            use std::os::unix::fs::MetadataExt as _;
            return Self::There(there.dev(), there.ino());
        }
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
        name.map_or(Self::Nowhere, |name| Self::Missing(Box::new(Self::of(parent(&path))), name))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Model => "a model that layerloop saved",
            Self::Page => "a page or picture that layerloop drew",
            Self::Export => "a file that layerloop exported",
            Self::OfRun => "a file of a run",
        })
    }
}

impl Kind {
    /// What is at `path`, if it may not be replaced; an empty file may.
    fn foreign(self, path: &Path) -> Result<Option<&'static str>> {
        if self == Self::OfRun || !fs::metadata(path).is_ok_and(|there| there.is_file() && there.len() > 0) {
            return Ok(None);
        }
        let built_in = match self {
            Self::Model => is_model(path)?,
            Self::Export => is_export(path).map_err(Error::io(path))?,
            Self::Page | Self::OfRun => is_page(path).map_err(Error::io(path))?,
        };
        if built_in {
            return Ok(None);
        }
        let mut start = Vec::new();
        let read = File::open(path).and_then(|file| file.take(FileKind::ENOUGH).read_to_end(&mut start));
        read.map_err(Error::io(path))?;
        Ok(Some(if is_model(path)? { "a model" } else { FileKind::of_bytes(&start).name }))
    }
}

/// Whether both lead to the same file.
pub(crate) fn same(one: &Path, other: &Path) -> bool {
    Identity::of(one) == Identity::of(other)
}

/// The end of every page that layerloop writes, by which it recognises them.
const MARK: &str = concat!("<!-- layerloop ", env!("CARGO_PKG_VERSION"), " -->\n");

/// What a PNG file of layerloop says of itself, within its first bytes.
const OF_PICTURES: &[u8] = b"tEXtSoftware\0layerloop ";
const START: u64 = 128;

/// Whether the file begins as what `layerloop export` writes: a comment, or the name of who made an ONNX file.
fn is_export(path: &Path) -> std::io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(START).read_to_end(&mut start)?;
    let has = |text: &[u8]| start.windows(text.len()).any(|bytes| bytes == text);
    Ok(has(b"Written by layerloop ") || start.starts_with(b"\x08") && has(b"\x12\x09layerloop\x1a"))
}

/// Whether the file ends as [`write_page`] has it, of whatever version.
fn is_page(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    (&mut file).take(START).read_to_end(&mut start)?;
    if start.starts_with(b"\x89PNG") {
        return Ok(start.windows(OF_PICTURES.len()).any(|bytes| bytes == OF_PICTURES));
    }
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(2 * MARK.len() as u64)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    let end = String::from_utf8_lossy(&end);
    Ok(end.ends_with(" -->\n") && end.contains("<!-- layerloop "))
}

/// Writes an HTML page or an SVG picture, with the mark by which it is known to be of layerloop.
///
/// # Errors
/// [`Error::Io`] if it cannot be written.
pub(crate) fn write_page(path: &Path, mut page: String) -> Result<()> {
    if !page.ends_with('\n') {
        page.push('\n');
    }
    write_atomically(path, (page + MARK).as_bytes())
}
