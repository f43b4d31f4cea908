//! Random networks and options through the command: killed and resumed, replayed, evaluated, explained. `tests/combinations` has many
//! more, through the library. `LAYERLOOP_COMBINATIONS` says how many hundreds of them, `LAYERLOOP_COMBINATIONS_SEED` which is the first.

#[path = "../combinations/networks.rs"]
mod networks;
#[path = "../combinations/random.rs"]
mod random;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use layerloop::names::text;
use layerloop::network::Output;
use layerloop::train::{Optimizer, Schedule};
use layerloop_kernels::Isa;

use self::random::Random;
use super::faults::idx;
use super::{Folder, Running, Said};

/// Cases of the short run.
const SHORT: u64 = 8;

#[test]
fn random_combinations_are_killed_resumed_replayed_and_explained() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a whole number"));
    let count = number("LAYERLOOP_COMBINATIONS").map_or(SHORT, |all| (all / 100).max(1));
    let first = number("LAYERLOOP_COMBINATIONS_SEED").unwrap_or(14);
    let (mut seed, mut trained) = (first, 0);
    while trained < count {
        assert!(seed < first + 20 * count, "{trained} of {} were trained", seed - first);
        let args = arguments(seed);
        let again = format!(
            "LAYERLOOP_COMBINATIONS=100 LAYERLOOP_COMBINATIONS_SEED={seed} cargo test -p layerloop-cli --test cli combinations\n{args:?}"
        );
        trained += u64::from(holds(&args, &again));
        seed += 1;
    }
}

/// A network for built-in data, and options.
fn arguments(seed: u64) -> Vec<String> {
    let mut random = Random::new(seed, "command");
    let (data, inputs, outputs, output) =
        random.one_of(&[("digits", 64, 10, Output::Softmax), ("diabetes", 10, 1, Output::Identity)]);
    let network = networks::spec(&mut Random::new(seed, "network"), inputs, outputs, output, None).to_string();
    let mut args: Vec<String> = ["train", data, "--network", &network, "--json"].map(Into::into).into();
    let mut add = |name: &str, value: String| args.extend([format!("--{name}"), value]);
    add("epochs", (1 + random.below(3)).to_string());
    add("batch", random.one_of(&["7", "16", "50", "2000"]).into());
    add("limit", random.one_of(&["37", "150", "400"]).into());
    add("seed", random.below(100).to_string());
    add("optimizer", text(random.choice::<Optimizer>()));
    if random.percent(40) {
        add("schedule", text(random.choice::<Schedule>()));
    }
    for (name, value) in
        [("clip-norm", "0.5"), ("accumulate", "2"), ("ema", "0.9"), ("l1", "0.001"), ("validation", "0.2")]
    {
        if random.percent(20) {
            add(name, value.into());
        }
    }
    args
}

/// Whether it is trained; if so, all else that is done with it must hold.
fn holds(args: &[String], again: &str) -> bool {
    let folder = Folder::new();
    let with = |more: &[&'static str]| args.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>();
    let isa = Isa::available()[0].name();
    let mut train = folder.command(&with(&["--save", "m", "--threads", "1"]));
    let said = Said::new(train.env("LAYERLOOP_ISA", isa).output().expect("the binary starts"));
    if said.code != 0 {
        assert!([1, 2].contains(&said.code) && said.refusal(said.code).starts_with("error: "), "{again}\n{said:?}");
        return false;
    }
    let sha256 = said.last()["weights_sha256"].clone();
    assert_eq!(
        killed_and_resumed(&folder, &with(&["--run", "r", "--checkpoint-every", "2steps"]), again),
        sha256,
        "{again}"
    );
    for command in
        ["replay m", "summary m", "check-gradients m", "outliers m --json --top 3", "explain m --html w.html"]
    {
        let said = folder.run(&command.split(' ').collect::<Vec<_>>());
        assert!(said.code == 0 || command.contains("--html") && is_refused(&said), "{command}: {again}\n{said:?}");
    }
    let [one, other] = [(); 2].map(|()| folder.run(&["eval", "m", "--json"]).well().out);
    assert_eq!(one, other, "{again}");
    for more in ["--json", "--units", "--mistakes", "--curvature"] {
        let said = folder.run(&["explain", "m", more, "--rows", "20"][..if more == "--json" { 3 } else { 5 }]);
        assert!(said.code == 0 || is_refused(&said), "explain {more}: {again}\n{said:?}");
    }
    if args[1] == "digits" {
        fs::write(folder.path("images"), idx(3, &[2, 8, 8], &[9; 128])).expect("written");
        folder.run(&["predict", "m", "images", "--json"]).well();
    }
    true
}

/// In words, without a panic.
fn is_refused(said: &Said) -> bool {
    [1, 2].contains(&said.code) && !said.refusal(said.code).is_empty()
}

/// The hash of the weights of a run that is killed when it has a checkpoint, and goes on with other threads.
fn killed_and_resumed(folder: &Folder, args: &[&str], again: &str) -> serde_json::Value {
    let mut command = folder.command(args);
    let mut child = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    let start = Instant::now();
    let has_checkpoint = || fs::read_dir(folder.path("r/checkpoints")).is_ok_and(|mut files| files.next().is_some());
    while child.try_wait().expect("a child").is_none() && !has_checkpoint() {
        assert!(start.elapsed() < Duration::from_secs(300), "no checkpoint and no end: {again}");
        std::thread::sleep(Duration::from_millis(1));
    }
    _ = child.kill();
    child.wait().expect("an end");
    let said = folder.run(&["train", "--resume", "r", "--json"]);
    assert_eq!(said.code, 0, "{again}\n{said:?}");
    said.last()["weights_sha256"].clone()
}
