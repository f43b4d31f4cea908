//! Imports go one way: each module uses only those above it in these tables.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the library, lowest first; each with what it is.
const LIBRARY: [(&str, &str); 25] = [
    ("error", "the one error type"),
    ("rng", "named random streams"),
    ("clock", "the time, where there is one"),
    ("memory", "whether there is memory for what is about to be built"),
    ("threads", "teams of threads"),
    ("files", "files that are never half-written"),
    ("names", "closed sets by name, and user-defined members of them"),
    ("differences", "derivatives of user-defined parts beside central differences"),
    ("math", "the derivation, the f64 reference"),
    ("preprocess", "from columns of a table to inputs, and from outputs back"),
    ("data", "data sets, batches, splits"),
    ("augment", "random changes of images"),
    ("objective", "losses, class weights: what is minimised"),
    ("network", "specification, parameters, initialisers, forward, backward"),
    ("arrays", "conversions from and to ndarray"),
    ("metrics", "predictions give a number"),
    ("evaluate", "the metrics of a network"),
    ("optim", "optimisers, schedules, averages of the weights"),
    ("ranks", "processes that train together"),
    ("train", "options, fit, run, step, callbacks"),
    ("recipes", "named ways to train"),
    ("model_file", "a network in a file"),
    ("logs", "a run for other tools"),
    ("explain", "traces, attributions, columns, mistakes, curvature"),
    ("custom", "user-defined parts, collected"),
];

/// Those of the command.
const COMMAND: [(&str, &str); 15] = [
    ("output", "standard output and standard error"),
    ("shell", "commands to be copied, quoted"),
    ("table", "plain tables and short numbers"),
    ("fullscreen", "a terminal as a whole"),
    ("interrupt", "signals"),
    ("ranks", "this process among those that train together"),
    ("progress", "the bar of a training"),
    ("data", "data sets with a progress bar"),
    ("args", "what can be typed: options, their check, what was typed"),
    ("places", "where a command reads and writes"),
    ("scores", "how good a network is on its test part"),
    ("live", "the live screen"),
    ("runs", "runs that are there already"),
    ("comparison_page", "the page of several runs side by side"),
    ("commands", "what each command does"),
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => sources(&path, into),
            path if path.extension().is_some_and(|end| end == "rs") => into.push(path),
            _ => {}
        }
    }
}

/// The modules that the code of a file names as `crate::...`; its tests may use what is above it, its documentation too.
fn imports(text: &str, order: &[(&str, &str)]) -> Vec<String> {
    let code: Vec<&str> = text.lines().take_while(|line| line.trim() != "mod tests {").collect();
    let code = code.into_iter().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut modules = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let end =
            if rest.starts_with('{') { rest.find(';') } else { rest.find(|c: char| !c.is_alphanumeric() && c != '_') };
        let names = rest[..end.unwrap_or(rest.len())].split(|c: char| !c.is_alphanumeric() && c != '_');
        modules.extend(names.filter(|name| order.iter().any(|(module, _)| module == name)).map(str::to_owned));
    }
    modules
}

/// Imports that point the wrong way, of how many files and imports.
fn wrong_ways(root: &str, order: &[(&str, &str)]) -> (Vec<String>, usize, usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    let mut files = Vec::new();
    sources(&root, &mut files);
    let height = |module: &str| order.iter().position(|(name, _)| *name == module);
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for file in &files {
        let place = file.strip_prefix(&root).expect("below the root").with_extension("");
        let module = place.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let here = height(&module);
        for import in imports(&fs::read_to_string(file).expect("text"), order) {
            seen += 1;
            if here.is_none() || height(&import) > here {
                wrong.push(format!("{}: {module} imports {import}", place.display()));
            }
        }
    }
    (wrong, files.len(), seen)
}

/// The modules imported each other in cycles: whoever wanted to understand one had to understand all.
#[test]
fn imports_go_one_way() {
    for (root, order, least) in [("src", &LIBRARY[..], [90, 200]), ("../cli/src", &COMMAND[..], [60, 80])] {
        let (wrong, files, seen) = wrong_ways(root, order);
        assert!(files >= least[0] && seen >= least[1], "{root}: {files} files, {seen} imports");
        assert!(wrong.is_empty(), "{root}:\n{}", wrong.join("\n"));
    }
}
