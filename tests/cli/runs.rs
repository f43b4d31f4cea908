//! A run with a folder of its own: killed, resumed, replayed, refused.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::tables::{TABLE_RECIPES, with_people};
use super::{Folder, Running, Said, data_dir};

/// Everything that has a memory is on.
const ALL_ON: [&str; 18] = [
    "--network",
    "784 -> 32 relu dropout=0.2 -> 10",
    "--optimizer",
    "adamw",
    "--schedule",
    "cosine",
    "--ema",
    "0.99",
    "--early-stopping",
    "val_loss",
    "--patience",
    "2",
    "--batch",
    "64",
    "--lr",
    "0.003",
    "--checkpoint-every",
    "7steps",
];

/// A run that is killed with SIGKILL at any instant, and goes on, ends with the bits of the run that was never killed. How many
/// instants, `LAYERLOOP_KILLS` says: 30, and more on a schedule.
#[test]
fn a_run_that_is_killed_and_resumed_has_the_bits_of_one_that_never_was() {
    let Some(data) = data_dir("a_run_that_is_killed_and_resumed_...") else { return };
    let (folder, data) = (Folder::new(), data.display().to_string());
    let kills: u32 = std::env::var("LAYERLOOP_KILLS").map_or(30, |kills| kills.parse().expect("a number"));
    let begin = |run: &str| {
        let more = ["train", "mnist", "--data-dir", &data, "--limit", "4000", "--epochs", "8", "--json", "--run", run];
        folder.command(&[&more[..], &ALL_ON].concat())
    };
    let epochs = same_bits_after_kills(&folder, kills, begin);
    assert!(epochs > 2);
}

/// The same with each recipe for tables, whose preprocessing, layers and ensembles are kept and found again.
#[test]
fn a_training_on_a_table_that_is_killed_and_resumed_has_the_bits_of_one_that_never_was() {
    let folder = with_people(500);
    for (i, recipe) in TABLE_RECIPES.iter().enumerate() {
        let begin = |run: &str| {
            let run = format!("{run}-{i}");
            let options =
                ["--json", "--epochs", "6", "--hidden", "24,16", "--checkpoint-every", "3steps", "--run", &run];
            folder
                .command(&[&["train", "people.csv", "--target", "income", "--recipe"][..], *recipe, &options].concat())
        };
        assert_eq!(same_bits_after_kills(&folder, 4, begin), 6, "{recipe:?}");
    }
}

/// Kills runs so many times and lets them go on; compares them with one that was never killed, whose epochs it counts.
pub(super) fn same_bits_after_kills(folder: &Folder, kills: u32, begin: impl Fn(&str) -> Command) -> usize {
    let place = |run: &str| {
        let command = begin(run);
        let name = command.get_args().skip_while(|arg| *arg != "--run").nth(1).expect("a run").to_owned();
        folder.path(name.to_str().expect("text"))
    };
    let start = Instant::now();
    let whole = Said::new(begin("whole").output().expect("the binary starts")).well();
    let seconds = start.elapsed().as_secs_f64();
    let model = fs::read(place("whole").join("model.safetensors")).expect("a model");
    let history = measured(&place("whole"));
    let epochs = history.lines().count() - 1;
    assert!(whole.last()["weights_sha256"].is_string());

    for kill in 0..kills {
        let run = format!("run-{kill}");
        let go_on = || {
            let place = place(&run);
            let resume = ["train", "--resume", place.to_str().expect("text"), "--json"];
            if place.join("run.json").exists() { folder.command(&resume) } else { begin(&run) }
        };
        // Spread evenly, whatever their number; every third run is killed a second time.
        let instants = [f64::from(kill) * 0.618_034, f64::from(kill) * 0.414_214].map(|x| x.fract() * epochs as f64);
        let (mut first, of_epoch) = (instants[0], seconds / epochs as f64);
        while !killed_after(&mut begin(&run), first, of_epoch) {
            fs::remove_dir_all(place(&run)).expect("a folder");
            first /= 2.0; // it was over: earlier
        }
        if kill % 3 == 0 {
            killed_after(&mut go_on(), instants[1], of_epoch);
        }
        let said = Said::new(go_on().output().expect("the binary starts")).well();
        assert_eq!(said.last()["weights_sha256"], whole.last()["weights_sha256"], "{run} of {instants:?}: {said:?}");
        assert_eq!(fs::read(place(&run).join("model.safetensors")).expect("a model"), model, "{run}");
        assert_eq!(measured(&place(&run)), history, "{run}");
        fs::remove_dir_all(place(&run)).expect("a folder");
    }
    epochs
}

/// Kills it after so many epochs, of the last one a part; whether that was before its end. Whole epochs are those that it tells of,
/// so that the speed of the machine changes little.
fn killed_after(command: &mut Command, epochs: f64, seconds_of_epoch: f64) -> bool {
    let mut child = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::null()));
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    lines.by_ref().take(epochs as usize).for_each(drop);
    std::thread::sleep(Duration::from_secs_f64(epochs.fract() * seconds_of_epoch));
    let over = child.try_wait().expect("a child").is_some();
    _ = child.kill();
    child.wait().expect("an end");
    !over
}

/// Measured where the system counts a process's memory; the data alone are 55 MB.
#[cfg(target_os = "linux")]
#[test]
fn a_run_of_all_of_mnist_with_everything_on_stays_below_120_megabytes() {
    let Some(data) = data_dir("a_run_of_all_of_mnist_with_everything_on_...") else { return };
    let (folder, data) = (Folder::new(), data.display().to_string());
    let begin =
        ["train", "mnist", "--data-dir", &data, "--epochs", "2", "--json", "--run", "r", "--metrics", "f1,roc-auc"];
    let mut child = Running::start(folder.command(&[&begin[..], &ALL_ON].concat()).stdout(Stdio::null()));
    let peak = peak(&mut child);
    assert!(child.wait().expect("an end").success() && folder.path("r/model.safetensors").exists());
    assert!((60_000..120_000).contains(&peak), "{peak} kB");
}

/// The most memory that a process has until it ends, in kB.
#[cfg(target_os = "linux")]
pub(super) fn peak(child: &mut Running) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a child").is_none() {
        let lines = fs::read_to_string(&status).unwrap_or_default();
        let kilobytes = lines.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak = kilobytes.map_or(peak, |kilobytes| kilobytes.trim().parse().expect("a number"));
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}

/// The table of a run, without its seconds.
fn measured(run: &Path) -> String {
    let csv = fs::read_to_string(run.join("logs/history.csv")).expect("a table");
    let without = |line: &str| {
        let fields: Vec<&str> = line.split(',').enumerate().filter(|(i, _)| *i != 2).map(|(_, field)| field).collect();
        fields.join(",") + "\n"
    };
    csv.lines().map(without).collect()
}

/// A run of the digits in the folder `r`.
fn with_run(more: &[&str]) -> (Folder, Said) {
    let folder = Folder::new();
    let said = folder.run(&[&["train", "--epochs", "6", "--json", "--run", "r", "--keep", "9"], more].concat()).well();
    (folder, said)
}

/// The newest checkpoints of a run, the oldest first.
fn checkpoints(folder: &Folder) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder.path("r/checkpoints")).expect("a folder").flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_it_is_used() {
    // How many a run writes on its way depends on the disk; there is one at every end in any case.
    let (folder, _) = with_run(&["--epochs", "3"]);
    let go_on = ["train", "--resume", "r", "--epochs", "6", "--anyway", "--json"];
    let said = folder.run(&go_on).well();
    let newer = "made by layerloop 0.1.0 in format 9; this one reads formats up to 1: update it";
    for sentence in ["damaged: its checksum is", "not a complete safetensors file", "", newer] {
        let paths = checkpoints(&folder);
        assert!(paths.len() >= 2, "{paths:?}");
        let newest = paths.last().expect("a checkpoint");
        let mut bytes = fs::read(newest).expect("a checkpoint");
        match sentence {
            "damaged: its checksum is" => *bytes.last_mut().expect("bytes") ^= 1,
            "not a complete safetensors file" => bytes.truncate(bytes.len() / 2),
            "" => bytes.clear(),
            _ => bytes = of_format_9(&bytes),
        }
        fs::write(newest, bytes).expect("a checkpoint");
        let again = folder.run(&go_on).well();
        assert!(
            again.err.contains(sentence) && again.err.contains("; going back to the checkpoint of step "),
            "{again:?}"
        );
        assert_eq!(again.last()["weights_sha256"], said.last()["weights_sha256"]);
    }
    // None is whole: from the beginning.
    for path in checkpoints(&folder) {
        fs::write(path, b"foreign").expect("a file");
    }
    let again = folder.run(&go_on).well();
    assert!(again.err.contains("; going back to the beginning"), "{again:?}");
    assert_eq!(again.last()["weights_sha256"], said.last()["weights_sha256"]);
}

/// A whole checkpoint of a form that nobody knows yet.
fn of_format_9(bytes: &[u8]) -> Vec<u8> {
    let (_, metadata) = safetensors::SafeTensors::read_metadata(bytes).expect("a header");
    let tensors = safetensors::SafeTensors::deserialize(bytes).expect("tensors");
    let entry = metadata.metadata().as_ref().expect("metadata")["layerloop-checkpoint"].clone();
    let card = entry.split_once(' ').expect("a sum and a card").1.replace("\"format\":1", "\"format\":9");
    let mut names = tensors.names();
    names.sort();
    let mut sum = crc32c::crc32c(card.as_bytes());
    for name in names {
        sum = crc32c::crc32c_append(sum, name.as_bytes());
        sum = crc32c::crc32c_append(sum, tensors.tensor(name).expect("a tensor").data());
    }
    let entry = [("layerloop-checkpoint".to_owned(), format!("{sum:08x} {card}"))];
    safetensors::serialize(tensors.tensors(), Some(entry.into())).expect("a file")
}

#[test]
fn another_network_other_data_or_other_options_are_refused_with_the_difference_named() {
    let (folder, said) = with_run(&[]);
    let refused = |more: &[&str], sentences: &[&str]| {
        let said = folder.run(&[&["train", "--resume", "r"], more].concat());
        let line = said.refusal(2);
        assert!(sentences.iter().all(|sentence| line.contains(sentence)), "{line}");
        assert!(line.ends_with("; --anyway resumes it all the same"), "{line}");
    };
    refused(&["--batch", "64", "--lr", "0.1"], &["batch: 32 in the checkpoint, 64 now", "learning_rate: 0.005 in the"]);
    refused(&["--hidden", "20"], &["network: 64 -> 32 sigmoid -> 10 -> softmax in the checkpoint, 64 -> 20 sigmoid"]);
    refused(&["--limit", "1000"], &["rows of the data: 1437 in the checkpoint, 1000 now", "sha256 of the data"]);
    refused(&["diabetes"], &["network: ", "rows of the data: 1437 in the checkpoint, 353 now"]);
    let longer = folder.run(&["train", "--resume", "r", "--epochs", "9", "--json", "--anyway"]).well();
    assert_eq!(longer.last()["steps"], json!(9 * 45));
    assert_ne!(longer.last()["weights_sha256"], said.last()["weights_sha256"]);
    let whole = folder.run(&["train", "--epochs", "9", "--json", "--no-save"]).well();
    assert_eq!(longer.last()["weights_sha256"], whole.last()["weights_sha256"]);
}

#[test]
fn folders_that_cannot_be_used_are_refused() {
    let (folder, _) = with_run(&[]);
    let refused = |args: &[&str], code, sentence: &str| {
        let said = folder.run(&[&["train"], args].concat());
        assert!(said.refusal(code).contains(sentence), "{said:?}");
    };
    refused(&["--run", "r"], 2, "r already has a run; go on with it by --resume r, or name another folder");
    refused(&["--resume", "missing"], 2, "missing has no run: there is no run.json in it; --run starts one");
    fs::write(folder.path("file"), "").expect("a file");
    refused(&["--run", "file"], 1, "file: ");
    refused(&["--log-dir", "file"], 1, "file: ");
    refused(&["--log-dir", "r/logs"], 2, "log_dir: r/logs has a file `history.csv` already; name another folder");
    refused(&["--run", "new", "--keep", "0"], 2, "--keep: 0 checkpoints; at least 1 is needed to go on from");
    refused(
        &["--run", "new", "--checkpoint-every", "5"],
        2,
        "`5`: expected a number with its unit, such as 100steps, 2epochs, 30s or 5min",
    );
    refused(&["--time-limit", "0s"], 2, "--time-limit: 0 s; a run needs some time");
    refused(&["--early-stopping", "val_f2"], 2, "unknown metric `f2`; did you mean `f1`?");
    refused(&["--early-stopping", "val_f1", "--no-save"], 2, "early_stopping: `val_f1` is not measured in this run");
    refused(&["--validation", "1"], 2, "--validation: 1; it is at least 0 and below 1");
    fs::write(folder.path("r/run.json"), "{").expect("a file");
    refused(&["--resume", "r"], 1, "run.json: EOF");
}

#[test]
fn one_process_at_a_time_has_a_folder_and_a_stale_lock_is_recognised() {
    let folder = Folder::new();
    let mut first = folder.command(&["train", "--epochs", "1000000", "--json", "--run", "r"]);
    let mut first = Running::start(first.stdout(Stdio::null()).stderr(Stdio::null()));
    let since = Instant::now();
    while !folder.path("r/run.json").exists() {
        assert!(since.elapsed() < Duration::from_secs(120), "it does not begin");
        std::thread::sleep(Duration::from_millis(2));
    }
    let id = first.id();
    for args in [["train", "--resume", "r"], ["train", "--run", "r"]] {
        let said = folder.run(&args);
        let sentence = format!("run folder: r is being written by process {id}; wait for its end, or end it");
        assert!(said.refusal(2).contains(&sentence), "{said:?}");
    }
    first.kill().expect("a process");
    first.wait().expect("an end");
    let said = folder.run(&["train", "--resume", "r", "--epochs", "30", "--anyway", "--quiet"]);
    assert!(
        said.err.contains(&format!("note: process {id} ended without removing r; its lock is replaced")),
        "{said:?}"
    );
    assert_eq!(fs::read_to_string(folder.path("r/lock")).expect("a lock"), "", "an orderly end");
}

#[test]
fn a_model_is_replayed_to_the_bit_whatever_the_threads_and_the_vector_width() {
    let (folder, _) =
        with_run(&["--early-stopping", "val_accuracy", "--patience", "1", "--seed", "3", "--threads", "2"]);
    for isa in ["scalar", "avx2"] {
        let mut command = folder.command(&["replay", "r/model.safetensors", "--threads", "3", "--json"]);
        let said = Said::new(command.env("LAYERLOOP_ISA", isa).output().expect("the binary starts"));
        if said.err.contains("LAYERLOOP_ISA") {
            continue; // not on this processor
        }
        assert_eq!((&said.well().last()["same"]), &json!(true));
    }
    let text = folder.run(&["replay", "r/model.safetensors"]).well();
    assert!(text.out.ends_with("the same to the bit\n"), "{text:?}");
}

#[test]
fn what_was_stopped_in_the_middle_or_begun_with_a_model_is_replayed_too() {
    let (folder, _) = with_run(&[]);
    let stopped = ["train", "--epochs", "1000000", "--time-limit", "0.05s", "--ema", "0.9", "--save", "s.safetensors"];
    let said = folder.run(&[&stopped[..], &["--json"]].concat()).well();
    assert_eq!(said.last()["stopped"], "time-limit");
    let warm = ["train", "--warm-start", "r/model.safetensors", "--epochs", "2", "--save", "w.safetensors", "--json"];
    let warm = folder.run(&warm).well();
    assert!(warm.json()[0]["train_loss"].as_f64() < Some(0.6), "{warm:?}");
    for model in ["s.safetensors", "w.safetensors"] {
        assert!(folder.run(&["replay", model]).well().out.ends_with("the same to the bit\n"), "{model}");
    }
    let other = folder.run(&["train", "--epochs", "3", "--save", "r/model.safetensors", "--quiet"]).well();
    assert_eq!(other.out, "");
    let said = folder.run(&["replay", "w.safetensors"]);
    assert!(said.refusal(1).contains("its warm_start were {"), "{said:?}");
}

#[test]
fn the_logs_are_whole_and_the_best_model_is_the_best() {
    let (folder, said) = with_run(&["--validation", "0.2", "--metrics", "f1,log_loss", "--epochs", "12"]);
    let csv = fs::read_to_string(folder.path("r/logs/history.csv")).expect("a table");
    let head = "epoch,steps,seconds,learning_rate,train_loss,val_loss,val_accuracy,val_f1,val_log_loss,test_loss,\
                test_accuracy,test_f1,test_log_loss";
    assert_eq!((csv.lines().next(), csv.lines().count()), (Some(head), 13));
    let lines = fs::read_to_string(folder.path("r/logs/events.jsonl")).expect("lines");
    let objects: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let epochs: Vec<&Value> = objects.iter().filter(|object| object["event"] == "epoch").collect();
    assert_eq!((epochs.len(), &epochs[11]["test_f1"]), (12, &said.json()[11]["test_f1"]));
    // They were measured every 256 steps, and the same numbers stood there for several epochs.
    let norms = epochs.windows(2).map(|pair| (&pair[0]["gradient_norms"], &pair[1]["gradient_norms"]));
    assert!(norms.clone().count() == 11 && norms.into_iter().all(|(one, next)| one.is_object() && one != next));
    let evaluated = folder.run(&["eval", "r/best.safetensors", "--json"]).well().last();
    let lowest =
        epochs.iter().min_by(|a, b| a["val_loss"].as_f64().partial_cmp(&b["val_loss"].as_f64()).expect("numbers"));
    assert_eq!(evaluated["loss"], lowest.expect("an epoch")["test_loss"]);
}

#[test]
fn a_run_that_diverges_says_where_and_how_large_the_gradients_were_and_keeps_its_checkpoints() {
    let folder = Folder::new();
    let network = ["train", "diabetes", "--network", "10 -> 4 -> 1 -> identity", "--optimizer", "sgd", "--lr", "1e-3"];
    let train = [&network[..], &["--l2", "3000", "--epochs", "400", "--json", "--run", "r"]].concat();
    let first = folder.run(&[&train[..], &["--checkpoint-every", "1steps"]].concat());
    let line = first.refusal(1);
    let step = line.split("diverged at step ").nth(1).and_then(|rest| rest.split(':').next()).expect("a step");
    assert!(step.parse::<u64>().expect("a number") > 4, "{line}");
    for piece in [" had a norm of ", " in layer 1, ", " in layer 2; a learning rate of 1e-4, clipping to a norm of "] {
        assert!(line.contains(piece), "`{piece}` in {line}");
    }
    assert!(first.err.contains("note: the checkpoints before that are kept; to resume from the last one"), "{first:?}");
    assert!(first.err.contains(" train --resume r --anyway\n"), "{first:?}");
    // The newest is whole, and leads to the same end.
    assert!(!checkpoints(&folder).is_empty());
    let again = folder.run(&["train", "--resume", "r", "--json"]);
    assert_eq!(again.refusal(1), line);
}
