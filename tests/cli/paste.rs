//! Commands that are printed to be copied do what they say when they are pasted into sh.

use std::fs;
use std::process::Command;

use super::{Folder, Said};

/// What sh makes of `command`, in `folder`.
fn sh(folder: &Folder, command: &str) -> Said {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder.0.path()).env("LAYERLOOP_CACHE", folder.path("cache"));
    Said::new(shell.output().expect("sh starts"))
}

/// The lines below `Next:`, each a command and a comment.
fn next(said: &Said) -> Vec<String> {
    let lines = said.out.lines().skip_while(|line| *line != "Next:").skip(1);
    lines.map(|line| line.replace("IMAGE.png", "image.png")).collect()
}

const NAMES: [&str; 8] = [
    "my model.safetensors",
    "it's.safetensors",
    "a\"b.safetensors",
    "a$(touch pwned)b.safetensors",
    "a`touch pwned`;touch pwned.safetensors",
    "-m.safetensors",
    "two\nlines.safetensors",
    "~ #*?[a]{b,c}!.safetensors",
];

/// A path was printed as it is: with a space, a quote, `;` or `$(...)` in it, the command did something else.
#[test]
fn the_commands_to_try_next_can_be_pasted_whatever_the_path() {
    for name in NAMES {
        let folder = Folder::new();
        write_png(&folder);
        let said = folder.run(&["train", "digits", "--epochs", "1", &format!("--save={name}")]).well();
        let commands = next(&said);
        assert_eq!(commands.len(), 5, "{name:?}: {said:?}");
        for command in commands {
            assert_eq!(sh(&folder, &command).code, 0, "{name:?}: {command}");
        }
        assert!(!folder.files().contains(&"pwned".to_owned()), "{name:?}");
    }
}

/// The program's own name was not quoted either.
#[test]
fn the_commands_call_the_program_as_it_was_called() {
    let folder = Folder::new();
    let program = folder.path("my $bin's").join("layer loop");
    fs::create_dir(program.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_layerloop"), &program).unwrap();
    let mut command = Command::new(&program);
    command.args(["train", "digits", "--epochs", "1"]).current_dir(folder.0.path());
    let said = Said::new(command.output().expect("the binary starts")).well();
    assert_eq!(sh(&folder, &next(&said)[0]).code, 0, "{said:?}");
    let mut command = Command::new(&program);
    command.args(["train", "digits", "--find-lr", "--no-save", "--network", "64 -> 10"]).current_dir(folder.0.path());
    let said = Said::new(command.output().expect("the binary starts")).well();
    let last = said.out.lines().last().expect("a command");
    assert_eq!(sh(&folder, last).code, 0, "{said:?}");
}

/// `--resume my run` was two words, and so was the command after a run that diverged.
#[test]
fn a_run_can_be_resumed_as_the_messages_say() {
    for name in ["my run", "it's", "-r"] {
        let folder = Folder::new();
        let run = format!("--run={name}");
        folder.run(&["train", "digits", "--epochs", "1", "--quiet", &run]).well();
        let said = folder.run(&["train", "digits", &run]);
        let refusal = said.refusal(2);
        let options = refusal.split("go on with it by ").nth(1).and_then(|rest| rest.split(", or name").next());
        let command = format!("{} train {} --quiet", env!("CARGO_BIN_EXE_layerloop"), options.expect("the options"));
        assert_eq!(sh(&folder, &command).code, 0, "{command}");
    }
    let folder = Folder::new();
    let args = ["train", "--run", "my run", "--optimizer", "sgd", "--lr", "1e30", "--activation", "relu"];
    let said = folder.run(&args);
    let command = said.err.lines().find(|line| line.contains("--anyway")).expect("what to do").to_owned();
    assert_eq!(sh(&folder, &format!("{command} --lr 0.01 --epochs 2")).code, 0, "{command}");
}

/// A grey picture to predict.
fn write_png(folder: &Folder) {
    let file = fs::File::create(folder.path("image.png")).expect("a file");
    let mut encoder = png::Encoder::new(file, 8, 8);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().expect("a header").write_image_data(&[7; 64]).expect("its pixels");
}
