//! Outputs: none replaces an input, another output, or a file of another program, however its path is spelt; and a command that is
//! refused changes no file.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::faults::{FILES, after, good_files, idx, refuses, tree};
use super::{Folder, Running, Said, send};

/// The data `data`, the model `m.safetensors` of it, and the pictures `p.png` and `other/p.png`.
fn with_data() -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path("data")).expect("a folder");
    fs::create_dir(folder.path("other")).expect("a folder");
    for (name, bytes) in FILES.iter().zip(good_files()) {
        fs::write(folder.path("data").join(name), bytes).expect("a file");
    }
    for (name, pixels) in [("p.png", [0, 90, 200, 0]), ("other/p.png", [250, 0, 0, 30])] {
        let mut encoder = png::Encoder::new(fs::File::create(folder.path(name)).expect("a file"), 2, 2);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header().and_then(|mut file| file.write_image_data(&pixels)).expect("a picture");
    }
    folder.run(&["train", "data", "--epochs", "2", "--batch", "4", "--save", "m.safetensors", "--quiet"]).well();
    folder
}

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

/// `explain m --html m` left a page where the model had been, and said that all was well.
#[test]
fn an_output_that_is_an_input_is_refused_however_it_is_spelt() {
    let folder = with_data();
    symlink("m.safetensors", folder.path("link")).expect("a link");
    symlink("link", folder.path("second link")).expect("a link");
    fs::hard_link(folder.path("m.safetensors"), folder.path("hard")).expect("a link");
    symlink("other", folder.path("folder")).expect("a link");
    let absolute = folder.path("m.safetensors").display().to_string();
    let spellings = [
        "m.safetensors",
        "./m.safetensors",
        "other/../m.safetensors",
        "link",
        "second link",
        "hard",
        "folder/../hard",
        &absolute,
    ];
    let commands = [
        ("explain m.safetensors --html", "--html"),
        ("explain m.safetensors --mistakes --html", "--html"),
        ("explain m.safetensors --curvature --surface", "--surface"),
        ("train data --no-save --epochs 1 --warm-start m.safetensors --report", "--report"),
    ];
    for (command, option) in commands {
        for spelling in spellings {
            let spelt = folder.command(&[&words(command)[..], &[spelling]].concat());
            refuses(&folder, spelt, 2, &[&format!("{option}: {spelling} is also "), "name another file"]);
        }
    }
    // The one exception: the model that a training begins with may become the one that it ends with.
    folder.run(&words("train data --epochs 1 --quiet --warm-start m.safetensors --save link")).well();
    assert!(folder.path("link").is_symlink());
    folder.run(&["summary", "m.safetensors"]).well();
}

/// `--save x --report x` left the report, and said that the model was saved there.
#[test]
fn two_outputs_to_one_place_are_refused_however_they_are_spelt() {
    let folder = with_data();
    symlink("new", folder.path("link")).expect("a link");
    let train = |more: &str| folder.command(&[&["train", "data", "--epochs", "1"][..], &words(more)].concat());
    let cases = [
        ("--save x --report x", "--report: x is also --save"),
        ("--save x --report ./x", "--report: ./x is also --save"),
        ("--save x --report other/../x", "is also --save"),
        ("--save x --report X", "is also --save"), // on some systems that is the same file
        ("--save link --report new", "--report: new is also --save"),
        ("--run r --save r/best.safetensors", "--save: r/best.safetensors is also the best model of the run"),
        ("--run r --save r/run.json", "--save: r/run.json is also a file of the run"),
        ("--run r --save r/lock", "--save: r/lock is also a file of the run"),
        ("--run r --report r/model.safetensors", "is also --save"),
        ("--run r --report ./r/../r/best.safetensors", "is also the best model of the run"),
        ("--run r --save r/checkpoints/step-000000000003.safetensors", "is in a file of the run"),
        ("--run r --report r/logs/history.csv", "is also a log of the run"),
        ("--log-dir l --no-save --report l/events.jsonl", "is also a log of the run"),
    ];
    for (more, sentence) in cases {
        if more.contains("--run") {
            // The folder of the logs, and that of the run, are there for the time of the question.
            let before = tree(folder.0.path());
            let said = Said::new(train(more).output().expect("the binary starts"));
            assert!(said.refusal(2).contains(sentence) && said.out.is_empty(), "{more}: {said:?}");
            assert!(tree(folder.0.path()) == before && !folder.path("r").exists(), "{more}");
        } else {
            refuses(&folder, train(more), 2, &[sentence, "; name another file"]);
        }
    }
    let both = words("explain m.safetensors --html x.html --curvature --surface x.html");
    assert_ne!(folder.run(&both).code, 0);
}

/// The labels of the data, a text, a picture: whatever was named was replaced.
#[test]
fn a_file_of_another_program_is_not_replaced_and_one_of_layerloop_is() {
    let folder = with_data();
    folder.run(&words("explain m.safetensors --html page.html")).well();
    folder.run(&words("explain m.safetensors --curvature --surface surface.svg")).well();
    fs::write(folder.path("notes.txt"), "mine").expect("a file");
    fs::write(folder.path("notes.html"), "<!doctype html>\n<p>mine</p>\n").expect("a file");
    fs::write(folder.path("data.json"), "{}").expect("a file");
    fs::write(folder.path("gap"), b"\xff\xfe\0\x01").expect("a file");
    folder.run(&words("train data --epochs 2 --batch 4 --run r --quiet")).well();
    let checkpoint = fs::read_dir(folder.path("r/checkpoints")).expect("a folder").flatten().next().expect("a file");
    fs::copy(checkpoint.path(), folder.path("checkpoint")).expect("a file");
    let foreign = [
        ("data/train-labels-idx1-ubyte", "an IDX file"),
        ("p.png", "a PNG picture"),
        ("notes.txt", "a text file"),
        ("notes.html", "a web page (HTML)"),
        ("data.json", "a JSON file"),
        ("gap", "a file of another program"),
        ("checkpoint", "a safetensors file"),
    ];
    let pages = [("m.safetensors", "a model")];
    let models = [("page.html", "a web page (HTML)"), ("surface.svg", "an HTML or XML file")];
    let commands = [
        ("train data --epochs 1 --save", "--save", "not a model that layerloop saved", &models[..]),
        ("train data --epochs 1 --no-save --report", "--report", "not a page or picture that layerloop drew", &pages),
        ("explain r/model.safetensors --html", "--html", "not a page or picture that layerloop drew", &pages),
        ("explain r/model.safetensors --curvature --surface", "--surface", "not a page or picture that", &pages),
    ];
    for (command, option, not, more) in commands {
        for (path, is) in foreign.iter().chain(more) {
            let onto = folder.command(&[&words(command)[..], &[path]].concat());
            refuses(&folder, onto, 2, &[&format!("{option}: {path} is {is}, {not}"), "name another file, or remove"]);
        }
    }
    // Ours, and what is empty, may be replaced.
    fs::write(folder.path("empty"), "").expect("a file");
    for (command, path) in [
        ("train data --epochs 1 --quiet --save", "m.safetensors"),
        ("train data --epochs 1 --quiet --save", "empty"),
        ("train data --epochs 1 --quiet --no-save --report", "page.html"),
        ("explain m.safetensors --html", "surface.svg"),
        ("explain m.safetensors --mistakes --html", "page.html"),
        ("explain m.safetensors --curvature --surface", "surface.svg"),
    ] {
        let before = fs::read(folder.path(path)).expect("a file");
        folder.run(&[&words(command)[..], &[path]].concat()).well();
        assert!(fs::read(folder.path(path)).expect("a file") != before, "{command} {path}");
    }
}

/// A link to a file that was not there yet was replaced by the file; one to a file that was there was followed.
#[test]
fn links_are_followed_to_where_they_lead() {
    let commands = [
        "train data --epochs 1 --quiet --save",
        "train data --epochs 1 --quiet --no-save --report",
        "explain m.safetensors --html",
        "explain m.safetensors --curvature --surface",
    ];
    for command in commands {
        let folder = with_data();
        fs::write(folder.path("other/old"), "").expect("a file");
        for (link, to) in [("new", "other/new"), ("old", "other/old"), ("chain", "chained"), ("chained", "other/third")]
        {
            symlink(to, folder.path(link)).expect("a link");
        }
        symlink("loop", folder.path("loop")).expect("a link");
        for (link, file) in [("new", "other/new"), ("old", "other/old"), ("chain", "other/third")] {
            folder.run(&[&words(command)[..], &[link]].concat()).well();
            assert!(folder.path(link).is_symlink() && folder.path("chained").is_symlink(), "{command} {link}");
            assert!(fs::metadata(folder.path(file)).expect("a file").len() > 0, "{command} {link}");
        }
        let around = folder.command(&[&words(command)[..], &["loop"]].concat());
        refuses(&folder, around, 1, &["loop: more than 40 links"]);
    }
}

/// A picture was named by its input's stem alone: two inputs gave one picture, and an input was drawn over before it was read.
#[test]
fn every_image_gets_a_picture_and_no_file_is_replaced() {
    let folder = with_data();
    fs::create_dir(folder.path("same")).expect("a folder");
    for (from, to) in [("p.png", "same/p.png"), ("other/p.png", "same/p-0.png")] {
        fs::copy(folder.path(from), folder.path(to)).expect("a picture");
    }
    fs::write(folder.path("p.idx"), idx(3, &[2, 2, 2], &[9, 8, 7, 6, 5, 4, 3, 2])).expect("a file");
    fs::create_dir(folder.path("mine")).expect("a folder");
    fs::write(folder.path("mine/p-0.png"), "precious").expect("a file");
    let cases: [(&[&str], &str, usize); 5] = [
        (&["p.png", "other/p.png"], "out", 2),
        (&["p.png", "p.png", "p.png"], "out", 3),
        (&["p.png", "p.idx"], "new/out", 3),
        (&["same/p.png", "same/p-0.png"], "same", 2),
        (&["p.png"], "mine", 1),
    ];
    for (inputs, into, images) in cases {
        let predict = [&["predict", "m.safetensors"][..], inputs, &["--json", "--attribution", "saliency"]].concat();
        let plain = folder.run(&predict).well();
        let before = tree(folder.0.path());
        let said = folder.run(&[&predict[..], &["--pictures", into]].concat()).well();
        let after = tree(folder.0.path());
        assert!(before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)), "{inputs:?} into {into}");
        assert_eq!(after.len(), before.len() + images, "{inputs:?} into {into}");
        let mut answers = said.json();
        let drawn: BTreeSet<String> = answers
            .iter_mut()
            .map(|answer| answer.as_object_mut().and_then(|answer| answer.remove("picture")).expect("its picture"))
            .map(|picture| picture.as_str().expect("a path").to_owned())
            .collect();
        assert_eq!(drawn.len(), images);
        assert!(
            drawn.iter().all(|picture| !before.contains_key(&folder.path(picture)) && folder.path(picture).exists())
        );
        assert_eq!(answers, plain.json(), "the answers do not depend on the pictures");
    }
}

/// A run wrote its files over what was in its folder, and deleted what had a name like its own temporary ones.
#[test]
fn the_folder_of_a_new_run_is_empty_or_refused_with_what_is_in_it() {
    let names =
        ["model.safetensors", "best.safetensors", "report.html", ".layerloop-notes", "logs", "checkpoints", "x"];
    for name in names {
        let folder = with_data();
        fs::create_dir(folder.path("d")).expect("a folder");
        fs::write(folder.path("d").join(name), "mine").expect("a file");
        let train = folder.command(&words("train data --epochs 1 --run d"));
        refuses(&folder, train, 2, &[&format!("--run: d is not empty: there is `{name}` in it; name a new folder")]);
        // A folder of that name was `Is a directory`, and left a lock behind.
        fs::remove_file(folder.path("d").join(name)).expect("a file");
        fs::create_dir(folder.path("d").join(name)).expect("a folder");
        let train = folder.command(&words("train data --epochs 1 --run d"));
        refuses(&folder, train, 2, &[&format!("there is `{name}` in it")]);
        let within: Vec<_> = fs::read_dir(folder.path("d")).expect("a folder").flatten().collect();
        assert_eq!(within.len(), 1, "{within:?}");
    }
    let folder = with_data();
    fs::create_dir(folder.path("d")).expect("a folder");
    fs::write(folder.path("d/lock"), "mine").expect("a file");
    let train = folder.command(&words("train data --epochs 1 --run d"));
    refuses(&folder, train, 2, &["d/lock is not the lock of a run; name another folder"]);
    // What a run has left that was killed before it began is not an obstacle.
    fs::write(folder.path("d/lock"), "4194304").expect("a file");
    fs::write(folder.path("d/.layerloop-Ab3dE6.tmp"), "{").expect("a file");
    folder.run(&words("train data --epochs 1 --run d --quiet")).well();
    assert!(!folder.path("d/.layerloop-Ab3dE6.tmp").exists());
}

/// Lines that were not of the run were taken out of the files of its names.
#[test]
fn logs_of_another_program_are_refused_and_stay() {
    for (name, text) in [("events.jsonl", "{\"user\":\"data\"}\n"), ("history.csv", "a,b\n"), ("events.jsonl", "mine")]
    {
        let folder = with_data();
        fs::create_dir(folder.path("l")).expect("a folder");
        fs::write(folder.path("l").join(name), text).expect("a file");
        let train = folder.command(&words("train data --epochs 1 --no-save --quiet --log-dir l"));
        refuses(&folder, train, 2, &[&format!("log_dir: l has a file `{name}` already")]);
        folder.run(&words("train data --epochs 1 --quiet --run r")).well();
        let resumed = folder.command(&words("train --resume r --quiet --epochs 2 --anyway --log-dir l"));
        refuses(&folder, resumed, 2, &[&format!("l has a file `{name}` already")]);
        fs::write(folder.path("r/logs").join(name), text).expect("a file");
        let resumed = folder.command(&words("train --resume r --quiet"));
        refuses(&folder, resumed, 2, &["is not a log that layerloop wrote"]);
    }
    // A folder of logs of its own for what goes on.
    let folder = with_data();
    folder.run(&words("train data --epochs 1 --quiet --run r")).well();
    folder.run(&words("train --resume r --epochs 2 --anyway --log-dir l --quiet")).well();
    folder.run(&words("train --resume r --quiet")).well();
    assert_eq!(fs::read_to_string(folder.path("l/history.csv")).expect("a table").lines().count(), 2);
}

/// It is refused with this code, and every file is as it was.
fn changes_nothing(folder: &Folder, args: &[&str], code: i32) {
    let before = tree(folder.0.path());
    let said = folder.run(args);
    said.refusal(code);
    assert!(tree(folder.0.path()) == before, "{args:?}: {said:?}");
}

/// A refused `--resume` had rewritten run.json, and cut the logs; a refused `--run` had written one. Neither run could go on.
#[test]
fn a_refused_command_leaves_the_run_as_it_was() {
    let folder = with_data();
    fs::write(folder.path("file"), "").expect("a file");
    folder.run(&words("train data --epochs 3 --batch 4 --quiet --run r")).well();
    let refused = [
        ("--hidden 16 --anyway", 2),
        ("digits --anyway", 2),
        ("--batch 2", 2),
        ("--epochs 5 --anyway --log-dir file", 1),
        ("--epochs 5 --anyway --log-dir file/l", 1),
        ("--epochs 5 --anyway --save other", 1),
        ("--epochs 5 --anyway --save missing/m", 1),
        ("--epochs 5 --anyway --save p.png", 2),
        ("--epochs 5 --anyway --report r/model.safetensors", 2),
        ("--epochs 5 --anyway --early-stopping val_f1", 2),
        ("--epochs 5 --anyway --tui", 2),
        ("missing --anyway", 2),
    ];
    for (more, code) in refused {
        changes_nothing(&folder, &[&["train", "--resume", "r"][..], &words(more)].concat(), code);
    }
    fs::rename(folder.path("r/checkpoints"), folder.path("kept")).expect("a folder");
    fs::write(folder.path("r/checkpoints"), "").expect("a file");
    changes_nothing(&folder, &words("train --resume r --epochs 5 --anyway"), 1);
    fs::remove_file(folder.path("r/checkpoints")).expect("a file");
    fs::rename(folder.path("kept"), folder.path("r/checkpoints")).expect("a folder");
    folder.run(&words("train --resume r --quiet")).well();
    // Nor does a new run leave anything where it could not begin.
    let refused = [
        ("data --log-dir file", 1),
        ("data --log-dir file/l", 1),
        ("data --save missing/m", 1),
        ("data --save p.png", 2),
        ("data --early-stopping val_f1", 2),
        ("data --hidden 4 --network 4->3", 2),
        ("data --network 5->3", 2),
        ("data --tui", 2),
        ("missing", 2),
    ];
    for (more, code) in refused {
        changes_nothing(&folder, &[&["train", "--epochs", "1", "--run", "new/n"][..], &words(more)].concat(), code);
        assert!(!folder.path("new").exists(), "{more}");
    }
    folder.run(&words("train data --epochs 1 --run new/n --quiet")).well();
}

/// The free name was chosen before the training: of two runs that began together the second replaced the first one's model.
#[test]
fn two_runs_in_one_folder_save_two_models_and_say_which() {
    let folder = with_data();
    let run = |seed: &str| {
        let mut command = folder.command(&["train", "data", "--epochs", "1000000", "--json", "--seed", seed]);
        Running::start(command.stdout(Stdio::piped()).stderr(Stdio::null()))
    };
    let runs = ["1", "2", "3"].map(run);
    let listens = |id: u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0").trim().to_owned();
        u64::from_str_radix(&caught, 16).is_ok_and(|caught| caught & 0b10 != 0)
    };
    let since = Instant::now();
    while cfg!(target_os = "linux") && !runs.iter().all(|run| listens(run.id())) {
        assert!(since.elapsed() < Duration::from_secs(120), "they do not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(folder.files().iter().filter(|name| name.starts_with("data")).count(), 1, "no name is taken beforehand");
    for run in &runs {
        assert!(send("INT", run.id()));
    }
    let said = runs.map(Running::said);
    let models: BTreeSet<String> =
        said.iter().map(|said| said.last()["model"].as_str().expect("a path").to_owned()).collect();
    assert_eq!(Vec::from_iter(&models), ["data-2.safetensors", "data-3.safetensors", "data.safetensors"]);
    for said in &said {
        let done = said.last();
        let summary = folder.run(&["summary", done["model"].as_str().expect("a path")]).well();
        assert!(summary.out.contains(done["weights_sha256"].as_str().expect("a hash")), "{done}");
    }
}

/// Every file was 0644.
#[test]
fn files_follow_the_umask_and_keep_the_mode_of_what_they_replace() {
    for (umask, mode) in [("077", 0o600), ("027", 0o640), ("002", 0o664), ("022", 0o644)] {
        let folder = with_data();
        let run = |args: &str| {
            let mut command = after(&folder, &format!("umask {umask}"), &words(args));
            Said::new(command.output().expect("the binary starts")).well()
        };
        let before = tree(folder.0.path());
        run("train data --epochs 1 --quiet --run r");
        run("train data --epochs 1 --quiet --save m");
        run("explain m --html page.html");
        run("explain m --curvature --surface surface.svg");
        run("predict m p.png --attribution saliency --pictures out");
        let made: Vec<_> = tree(folder.0.path()).into_keys().filter(|path| !before.contains_key(path)).collect();
        assert!(made.len() > 10, "{made:?}");
        let mode_of = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
        for path in &made {
            assert_eq!(format!("{:o}", mode_of(path)), format!("{mode:o}"), "umask {umask}: {}", path.display());
        }
        for name in ["m", "page.html"] {
            fs::set_permissions(folder.path(name), fs::Permissions::from_mode(0o610)).expect("a mode");
        }
        run("train data --epochs 1 --quiet --save m --report page.html");
        assert_eq!(["m", "page.html"].map(|name| mode_of(&folder.path(name))), [0o610, 0o610]);
    }
}
