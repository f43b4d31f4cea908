//! Help: under headings, as wide as the terminal, with examples that do what they say; completions and manual pages.

use std::process::Command;

use super::{Folder, Said};

const COMMANDS: [&str; 16] = [
    "train",
    "replay",
    "eval",
    "predict",
    "explain",
    "outliers",
    "report",
    "show",
    "summary",
    "export",
    "import",
    "check-gradients",
    "list",
    "bench",
    "completions",
    "man",
];

/// What is printed in a terminal of this width.
fn wide(folder: &Folder, args: &[&str], columns: usize) -> String {
    let mut command = folder.command(args);
    Said::new(command.env("COLUMNS", columns.to_string()).output().expect("the binary starts")).well().out
}

/// Help was one list of 50 options, wrapped at 100 columns whatever the terminal.
#[test]
fn help_is_as_wide_as_the_terminal() {
    let folder = Folder::new();
    for columns in [80, 120] {
        let all = COMMANDS.iter().flat_map(|&command| [vec![command, "-h"], vec![command, "--help"]]);
        for args in all.chain([vec!["--help"], vec!["help", "train"]]) {
            let help = wide(&folder, &args, columns);
            let widest = help.lines().max_by_key(|line| line.chars().count()).unwrap_or_default();
            assert!(widest.chars().count() <= columns, "{args:?} at {columns}: {widest}");
        }
    }
    let widest = |columns| wide(&folder, &["train", "-h"], columns).lines().map(str::len).max();
    assert!(widest(80) > Some(70) && widest(120) > Some(100), "{:?} {:?}", widest(80), widest(120));
}

#[test]
fn every_option_of_train_stands_under_a_heading() {
    let help = wide(&Folder::new(), &["train", "--help"], 100);
    let headings: Vec<&str> = help.lines().filter(|line| line.ends_with(':') && !line.starts_with(' ')).collect();
    let expected = [
        "Arguments:",
        "Options:",
        "Data:",
        "Tables:",
        "Network:",
        "Length of the training, early stopping:",
        "Loss:",
        "Optimiser and learning rate:",
        "Regularisation:",
        "Several trainings:",
        "Run folder, checkpoints, logs:",
        "Output:",
        "Seed and threads:",
        "Exit codes:",
        "Examples (accuracy on the test part, training time on two cores):",
    ];
    assert_eq!(headings, expected);
    let without = help.split("Options:").nth(1).and_then(|rest| rest.split("Data:").next()).expect("the section");
    assert_eq!(without.matches("--").count(), 1, "only --help has no heading: {without}");
    for short in
        ["-e, --epochs", "-b, --batch", "-l, --lr", "-H, --hidden", "-a, --activation", "-o, --save", "-s, --seed"]
    {
        assert!(help.contains(short), "{short}");
    }
    let brief = wide(&Folder::new(), &["train", "-h"], 100);
    assert!(brief.contains("--epochs") && !brief.contains("--swa-from-epoch"), "{brief}");
    assert!(brief.lines().count() < 90 && help.contains("--swa-from-epoch"), "{}", brief.lines().count());
}

/// The commands of the examples, and the line before each.
fn examples() -> Vec<(String, String)> {
    let help = wide(&Folder::new(), &["train", "--help"], 100);
    let text = help.split("Examples (").nth(1).expect("examples").replace("\\\n", " ");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_command = |line: &&str| line.starts_with("layerloop ");
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_command(line)) {
        let before: Vec<&str> = lines[..at].iter().rev().take_while(|line| !line.is_empty()).copied().collect();
        found.push((line.split_whitespace().collect::<Vec<_>>().join(" "), before.join(" ")));
    }
    found
}

#[test]
fn the_five_examples_of_train_do_what_they_say() {
    let examples = examples();
    assert_eq!(examples.len(), 5, "{examples:?}");
    for (command, said) in &examples {
        let folder = Folder::new();
        let args: Vec<&str> = command.split(' ').skip(1).collect();
        if !args.contains(&"digits") && !args.contains(&"diabetes") {
            // Of the larger sets only the options are tried; `bench/examples` says what was measured.
            let tried: Vec<&str> =
                args.iter().map(|word| if ["mnist", "FOLDER"].contains(word) { "digits" } else { word }).collect();
            folder.run(&[&tried[..], &["--epochs", "1", "--no-save"]].concat()).well();
            continue;
        }
        let printed = folder.run(&args).well().out;
        let score = printed.lines().find(|line| line.starts_with("test ")).and_then(|line| line.split(' ').nth(2));
        assert!(said.contains(score.expect("a score")), "{command}: {score:?}, but `{said}`");
    }
}

#[test]
fn completions_know_every_command_every_option_and_the_names_of_choices() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = folder.run(&["completions", shell]).well().out;
        // clap knows no values for the other two.
        let values: &[&str] =
            if ["bash", "zsh", "fish"].contains(&shell) { &["glorot-uniform", "leakyrelu"] } else { &[] };
        for word in ["check-gradients", "early-stopping", "swa-from-epoch"].iter().chain(values) {
            assert!(script.contains(word), "{word} in {shell}");
        }
    }
    let script = folder.run(&["completions", "Bash"]).well().out;
    std::fs::write(folder.path("layerloop.bash"), script).expect("a file");
    let ask = "source ./layerloop.bash; COMP_WORDS=(layerloop train --activation lea); COMP_CWORD=3; \
               _layerloop layerloop lea --activation; echo \"${COMPREPLY[@]}\"";
    if let Ok(said) = Command::new("bash").args(["-c", ask]).current_dir(folder.0.path()).output() {
        assert_eq!(Said::new(said).well().out.trim(), "leakyrelu");
    }
    assert!(folder.run(&["completions", "dos"]).refusal(2).contains("unknown value `dos`; choose one of bash,"));
}

#[test]
fn manual_pages_have_every_option_with_its_text() {
    let folder = Folder::new();
    let all = folder.run(&["man"]).well().out;
    assert!(
        all.contains(".TH layerloop 1") && COMMANDS.iter().all(|name| all.contains(&name.replace('-', "\\-"))),
        "{all}"
    );
    let page = folder.run(&["man", "train"]).well().out;
    assert!(page.contains(".TH layerloop-train 1") && page.contains("Examples"), "{page}");
    let help = wide(&folder, &["train", "--help"], 100);
    let options = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let names: Vec<&str> = options.filter_map(|line| line.split_once("--")?.1.split(' ').next()).collect();
    assert!(names.len() > 50, "{names:?}");
    for name in names {
        let typed = format!("\\-\\-{}\\fR", name.replace('-', "\\-"));
        let text = page.lines().skip_while(|line| !(line.starts_with("\\fB") && line.contains(&typed))).nth(1);
        assert!(text.is_some_and(|text| text.len() > 5), "{name}: {text:?}");
    }
    assert!(folder.run(&["man", "trian"]).refusal(2).contains("did you mean `train`?"));
}
