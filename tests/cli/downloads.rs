//! Data sets that come over the network: from a server on loopback, into the cache, and what is said when they do not.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::faults::tree;
use super::{Folder, Said, data_dir};

/// A port that nothing listens on.
const NOBODY: &str = "http://127.0.0.1:1/";

const FILES: [&str; 4] = [
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
];

/// A status with the length that it claims, and the body.
type Reply = (&'static str, usize, Vec<u8>);

/// An HTTP server on loopback that answers as it is told; it stops when it is dropped.
struct Server {
    address: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers a request for a file with what `reply` says to its name.
    fn start(reply: impl Fn(&str) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener that can be polled");
        let address = format!("http://{}/", listener.local_addr().expect("an address"));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => answer(stream, &reply),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(2)),
                    Err(_) => return,
                }
            }
        });
        Self { address, stop, thread: Some(thread) }
    }

    /// A mirror of the files in `folder`.
    fn of(folder: PathBuf) -> Self {
        Self::start(move |name| {
            let body = fs::read(folder.join(name)).unwrap_or_default();
            (if body.is_empty() { "404 Not Found" } else { "200 OK" }, body.len(), body)
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn answer(mut stream: TcpStream, reply: &impl Fn(&str) -> Reply) {
    let patience = Some(Duration::from_secs(120));
    let ready = stream.set_nonblocking(false).and(stream.set_read_timeout(patience));
    ready.and(stream.set_write_timeout(patience)).expect("a stream with time limits");
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, length, body) = reply(path.trim_start_matches('/'));
    // The client may hang up in the middle of what it does not want.
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

/// `train mnist`, briefly, with these mirrors.
fn train(folder: &Folder, mirrors: &str) -> Said {
    let args = "train mnist --epochs 1 --limit 2000 --no-save --json";
    let mut command = folder.command(&args.split(' ').collect::<Vec<_>>());
    for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(proxy).env_remove(proxy.to_uppercase());
    }
    Said::new(command.env("LAYERLOOP_MIRRORS", mirrors).output().expect("the binary starts"))
}

fn cached(folder: &Folder) -> Vec<String> {
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    tree(&folder.path("cache")).keys().filter_map(name).collect()
}

#[test]
fn without_a_network_the_sentence_names_the_files_their_folder_and_the_option() {
    let folder = Folder::new();
    let said = train(&folder, NOBODY);
    let sentence = said.refusal(1);
    let place = folder.path("cache").join("mnist").display().to_string();
    for piece in FILES.iter().chain(&[place.as_str(), "--data-dir", "put them into this folder", NOBODY]) {
        assert!(sentence.contains(piece), "{piece}: {sentence}");
    }
    assert_eq!((said.out.as_str(), cached(&folder)), ("", vec![]));
}

#[test]
fn a_mirror_that_fails_is_named_with_the_reason_and_leaves_no_file() {
    const PAGE: &[u8] = b"<html>Welcome to the hotel's network</html>";
    type Answer = fn() -> Reply;
    let cases: [(&str, Answer, &str); 5] = [
        ("an error page", || ("404 Not Found", 4, b"none".to_vec()), "HTTP status 404"),
        ("a broken server", || ("503 Service Unavailable", 0, vec![]), "HTTP status 503"),
        ("wrong bytes", || ("200 OK", PAGE.len(), PAGE.to_vec()), "sent something else: the SHA-256 of"),
        ("damaged gzip", || ("200 OK", 5, b"\x1f\x8b\x08\0\0".to_vec()), "sent something else: damaged gzip"),
        ("a cut", || ("200 OK", 9_912_422, vec![0; 70_000]), "broke off after 70000 bytes"),
    ];
    for (case, reply, reason) in cases {
        let (folder, server) = (Folder::new(), Server::start(move |_| reply()));
        let said = train(&folder, &format!("{},{NOBODY}", server.address));
        let sentence = said.refusal(1);
        for piece in [&format!("{}: {reason}", server.address), NOBODY, FILES[2]] {
            assert!(sentence.contains(piece), "{case}: {piece} in {sentence}");
        }
        assert_eq!(cached(&folder), [""; 0], "{case}");
    }
}

#[test]
fn a_download_is_checked_kept_and_used_again_without_the_network() {
    let name = "a_download_is_checked_kept_and_used_again_without_the_network";
    let Some(data) = data_dir(name) else { return };
    let folder = Folder::new();
    let (broken, good) = (Server::of(folder.path("nothing")), Server::of(data.join("mnist")));

    let first = train(&folder, &format!("{},{}", broken.address, good.address)).well();
    assert!(first.err.contains(&format!("warning: {}{}: HTTP status 404", broken.address, FILES[2])), "{first:?}");
    assert_eq!(cached(&folder), FILES);
    let accuracy = first.last()["test_accuracy"].as_f64();
    assert!(accuracy.is_some_and(|accuracy| accuracy > 0.5), "{first:?}");
    let again = train(&folder, NOBODY).well();
    assert_eq!(again.err, "");
    assert_eq!(again.last()["weights_sha256"], first.last()["weights_sha256"]);

    let damaged = folder.path("cache").join("mnist").join(FILES[1]);
    damage(&damaged);
    let before = tree(folder.0.path());
    let refused = train(&folder, NOBODY);
    let sentence = refused.refusal(1);
    assert!(sentence.contains(FILES[1]) && sentence.contains("the copy that is there cannot be used"), "{sentence}");
    assert_eq!(tree(folder.0.path()), before);
    let repaired = train(&folder, &good.address).well();
    assert!(repaired.err.contains(&format!("warning: {}: ", damaged.display())), "{repaired:?}");
    assert_eq!(fs::read(&damaged).unwrap(), fs::read(data.join("mnist").join(FILES[1])).unwrap());
}

/// Cuts a file in half.
fn damage(path: &Path) {
    let bytes = fs::read(path).expect("the file is there");
    fs::write(path, &bytes[..bytes.len() / 2]).expect("it can be written");
}

#[test]
fn a_folder_without_the_files_is_refused_and_none_are_fetched() {
    let folder = Folder::new();
    fs::create_dir(folder.path("mine")).unwrap();
    let said = folder.run(&["train", "mnist", "--data-dir", "mine"]);
    let sentence = said.refusal(1);
    for piece in FILES.map(|name| name.trim_end_matches(".gz")).iter().chain(&["mine: ", "sub-folder mnist"]) {
        assert!(sentence.contains(piece), "{piece}: {sentence}");
    }
    assert_eq!(folder.files(), ["mine"]);
}

/// Every command needed `--data-dir` where there is no network.
#[test]
fn the_folder_that_the_environment_names_is_used_without_the_network() {
    let name = "the_folder_that_the_environment_names_is_used_without_the_network";
    let Some(data) = data_dir(name) else { return };
    let folder = Folder::new();
    let run = |args: &str, own: &Path| {
        let mut command = folder.command(&args.split(' ').collect::<Vec<_>>());
        Said::new(command.env("LAYERLOOP_DATA", own).output().expect("the binary starts"))
    };
    let train = "train mnist --epochs 1 --limit 2000 --save m";
    let default = run(train, &data).well();
    assert!(cached(&folder).is_empty(), "nothing is downloaded or copied");
    assert!(run("eval m --quiet", &data).well().out.starts_with("loss "));
    // The folder of the set itself does too; what is built in needs none.
    let sha = |said: &Said| said.out.lines().find(|line| line.starts_with("weights")).map(str::to_owned);
    assert_eq!(sha(&run(train, &data.join("mnist")).well()), sha(&default));
    run("train digits --epochs 1 --no-save", &data).well();
    // A folder without the set is not a reason to fail where there is another source: here there is none.
    let said = run(train, folder.0.path());
    assert!(said.refusal(1).contains("LAYERLOOP_DATA"), "{said:?}");
}
