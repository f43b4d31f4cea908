//! Files from a list of mirrors: checked, written to a temporary file, renamed.

use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use layerloop::{Error, Result};
use tempfile::NamedTempFile;
use ureq::Agent;

use crate::progress::Progress;
use crate::registry::File;
use crate::unpack::Unpacked;

/// How long a server may keep us waiting.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// For a connection, and for the first byte of an answer.
    start: Duration,
    /// For the next byte.
    stall: Duration,
    /// For a whole file.
    whole: Duration,
}

const PATIENCE: Patience = Patience {
    start: Duration::from_secs(10),
    stall: Duration::from_secs(20),
    whole: Duration::from_secs(30 * 60), // 26 MB at 15 kB a second
};

/// A packed file may be this much longer than its content.
const PACKING: u64 = 1 << 16;

/// The mirrors in `$LAYERLOOP_MIRRORS`, separated by commas, if it is set; else `known`.
#[must_use]
pub fn mirrors(known: &[&str]) -> Vec<String> {
    chosen(&std::env::var("LAYERLOOP_MIRRORS").unwrap_or_default(), known)
}

fn chosen(list: &str, known: &[&str]) -> Vec<String> {
    let named: Vec<&str> = list.split(',').map(str::trim).filter(|mirror| !mirror.is_empty()).collect();
    (if named.is_empty() { known } else { &named }).iter().map(ToString::to_string).collect()
}

/// Downloads `files`, as `.gz`, into `folder`: each from the first mirror that has it with the right SHA-256.
///
/// A file is complete and checked before it gets its name, and replaces one of that name. What fails leaves nothing.
///
/// # Errors
/// [`Error::Data`] if no mirror delivers a file: it names what is still missing, and where to put it;
/// [`Error::Io`] if `folder` cannot be written.
pub fn fetch(files: &[File], folder: &Path, mirrors: &[String], progress: &mut dyn FnMut(Progress<'_>)) -> Result<()> {
    fetch_patiently(files, folder, mirrors, progress, PATIENCE)
}

fn fetch_patiently(
    files: &[File],
    folder: &Path,
    mirrors: &[String],
    progress: &mut dyn FnMut(Progress<'_>),
    patience: Patience,
) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let agent = agent(patience);
    for (at, file) in files.iter().enumerate() {
        let mut failures = Vec::new();
        for mirror in mirrors {
            let url = format!("{}/{}", mirror.trim_end_matches('/'), file.packed_name());
            match attempt(&agent, &url, file, folder, progress)? {
                Outcome::Saved => break,
                Outcome::Failed(reason) => {
                    progress(Progress::Failed { url: &url, reason: &reason });
                    failures.push(format!("{mirror}: {reason}"));
                }
            }
        }
        if failures.len() == mirrors.len() {
            return Err(undelivered(&files[at..], folder, &failures));
        }
    }
    Ok(())
}

fn undelivered(files: &[File], folder: &Path, failures: &[String]) -> Error {
    let names: Vec<String> = files.iter().map(File::packed_name).collect();
    let reason = format!(
        "{} could not be downloaded: put them into this folder, or name the folder that has them with --data-dir or in LAYERLOOP_DATA ({})",
        names.join(", "),
        if failures.is_empty() { "there is no mirror".to_string() } else { failures.join("; ") }
    );
    Error::data(folder, reason)
}

fn agent(patience: Patience) -> Agent {
    Agent::config_builder()
        .timeout_resolve(Some(patience.start))
        .timeout_connect(Some(patience.start))
        .timeout_recv_response(Some(patience.start))
        .timeout_per_read(Some(patience.stall))
        .timeout_recv_body(Some(patience.whole))
        .user_agent(concat!("layerloop/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// How a mirror did; what goes wrong on this side is an `Err` outside of it.
enum Outcome {
    Saved,
    Failed(String),
}

fn attempt(
    agent: &Agent,
    url: &str,
    file: &File,
    folder: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Outcome> {
    let mut body = match agent.get(url).call() {
        Ok(response) => response.into_body(),
        Err(ureq::Error::StatusCode(code)) => return Ok(Outcome::Failed(format!("HTTP status {code}"))),
        Err(ureq::Error::Io(error)) => return Ok(Outcome::Failed(error.to_string())),
        Err(error) => return Ok(Outcome::Failed(error.to_string())),
    };
    let total = body.content_length();
    let mut arrived = |bytes| progress(Progress::Arrived { file: file.name, url, bytes, total });
    let mut temporary = create_temporary(folder, file)?;
    if let Err(failure) = receive(&mut body.as_reader(), &mut temporary, file, &mut arrived)? {
        return Ok(Outcome::Failed(failure));
    }
    if let Err(failure) = check(temporary.path(), file)? {
        return Ok(Outcome::Failed(failure));
    }
    let path = folder.join(file.packed_name());
    temporary.as_file().sync_all().map_err(Error::io(&path))?;
    temporary.persist(&path).map_err(|error| Error::io(&path)(error.error))?;
    Ok(Outcome::Saved)
}

/// A file in `folder` that goes away again unless it is renamed.
fn create_temporary(folder: &Path, file: &File) -> Result<NamedTempFile> {
    let prefix = format!("{}.", file.name);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666)); // less the user's umask
    }
    builder.tempfile_in(folder).map_err(Error::io(folder))
}

type Received = std::result::Result<(), String>;

fn receive(
    body: &mut dyn Read,
    temporary: &mut NamedTempFile,
    file: &File,
    arrived: &mut dyn FnMut(u64),
) -> Result<Received> {
    let most = file.bytes + PACKING;
    let mut chunk = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        match body.read(&mut chunk) {
            Ok(0) => return Ok(Ok(())),
            Ok(count) => {
                bytes += count as u64;
                temporary.write_all(&chunk[..count]).map_err(Error::io(temporary.path()))?;
                arrived(bytes);
            }
            Err(error) => return Ok(Err(format!("broke off after {bytes} bytes: {error}"))),
        }
        if bytes > most {
            return Ok(Err(format!("sent more than {most} bytes")));
        }
    }
}

fn check(path: &Path, file: &File) -> Result<Received> {
    let checked = Unpacked::open(path).and_then(|unpacked| {
        let mut unpacked = unpacked.hashed();
        unpacked.skip_to_end(file.bytes)?;
        file.check(path, &unpacked.sha256().unwrap_or_default())
    });
    match checked {
        Ok(()) => Ok(Ok(())),
        Err(Error::Format { reason, .. }) => Ok(Err(format!("sent something else: {reason}"))),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn the_variable_replaces_the_known_mirrors() {
        assert_eq!(chosen("", &["http://known/"]), ["http://known/"]);
        assert_eq!(chosen("http://a/, http://b,", &["http://known/"]), ["http://a/", "http://b"]);
    }

    #[test]
    fn a_server_that_stalls_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mirror = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nfirst").unwrap();
            let _ = stream.read(&mut [0; 1]); // until the other side hangs up
        });
        let folder = tempfile::tempdir().unwrap();
        let patience = Patience { stall: Duration::from_millis(100), ..PATIENCE };
        let file = File { name: "labels", bytes: 1000, sha256: "" };
        let error = fetch_patiently(&[file], folder.path(), &[mirror], &mut |_| {}, patience).unwrap_err();
        server.join().unwrap();
        assert!(error.to_string().contains("broke off after 5 bytes: timeout: "), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
