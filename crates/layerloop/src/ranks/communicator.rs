//! What carries numbers from one process to another.

use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::{Error, Result};

/// One of several processes that train together, and its ways to the others.
///
/// Messages from one rank to another arrive in the order in which they were sent.
pub trait Communicator: fmt::Debug {
    /// The number of this process, from 0 on.
    fn rank(&self) -> usize;

    /// How many there are.
    fn ranks(&self) -> usize;

    /// Sends bytes to a rank.
    ///
    /// # Errors
    /// If they cannot arrive.
    fn send(&self, bytes: &[u8], to: usize) -> Result<()>;

    /// Waits for bytes from a rank.
    ///
    /// # Errors
    /// If they will not come.
    fn receive(&self, from: usize) -> Result<Vec<u8>>;

    /// Sends numbers to a rank.
    ///
    /// # Errors
    /// If they cannot arrive.
    fn send_numbers(&self, numbers: &[f32], to: usize) -> Result<()>;

    /// Waits for numbers from a rank, as many as there are places.
    ///
    /// # Errors
    /// If they will not come, or are not as many.
    fn receive_numbers(&self, numbers: &mut [f32], from: usize) -> Result<()>;

    /// Sends numbers to a rank and receives others from it, which does the same at that time.
    ///
    /// # Errors
    /// Those of both.
    fn exchange_numbers(&self, own: &[f32], others: &mut [f32], with: usize) -> Result<()> {
        if self.rank() < with {
            self.send_numbers(own, with)?;
            return self.receive_numbers(others, with);
        }
        self.receive_numbers(others, with)?;
        self.send_numbers(own, with)
    }
}

/// Threads of one process as ranks.
///
/// # Example
/// ```
/// use layerloop::ranks::{Communicator, Threads};
/// let answers = Threads::run(3, |rank| {
///     let next = (rank.rank() + 1) % rank.ranks();
///     rank.send(&[rank.rank() as u8], next)?;
///     rank.receive((rank.rank() + 2) % 3)
/// });
/// let answers: Vec<Vec<u8>> = answers.into_iter().collect::<Result<_, _>>()?;
/// assert_eq!(answers, [[2], [0], [1]]);
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    to: Vec<Sender<Message>>,
    from: Vec<Receiver<Message>>,
}

#[derive(Debug)]
enum Message {
    Bytes(Vec<u8>),
    Numbers(Vec<f32>),
}

impl Threads {
    /// Calls `f` as each of `ranks` ranks, all at the same time; what they returned, rank by rank.
    ///
    /// # Panics
    /// If one of them panics.
    pub fn run<T: Send>(ranks: usize, f: impl Fn(&dyn Communicator) -> T + Sync) -> Vec<T> {
        let mut all: Vec<Self> = (0..ranks).map(|rank| Self { rank, to: Vec::new(), from: Vec::new() }).collect();
        for to in 0..ranks {
            for from in 0..ranks {
                let (sender, receiver) = channel();
                all[from].to.push(sender);
                all[to].from.push(receiver);
            }
        }
        std::thread::scope(|scope| {
            let f = &f;
            let threads: Vec<_> = all.into_iter().map(|one| scope.spawn(move || f(&one))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a rank that does not panic")).collect()
        })
    }

    fn gone(&self, rank: usize) -> Error {
        Error::config("ranks", format!("rank {rank} ended before rank {} had all its numbers", self.rank))
    }
}

impl Communicator for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.to.len()
    }

    fn send(&self, bytes: &[u8], to: usize) -> Result<()> {
        self.to[to].send(Message::Bytes(bytes.to_vec())).map_err(|_| self.gone(to))
    }

    fn receive(&self, from: usize) -> Result<Vec<u8>> {
        match self.from[from].recv() {
            Ok(Message::Bytes(bytes)) => Ok(bytes),
            Ok(Message::Numbers(_)) | Err(_) => Err(self.gone(from)),
        }
    }

    fn send_numbers(&self, numbers: &[f32], to: usize) -> Result<()> {
        self.to[to].send(Message::Numbers(numbers.to_vec())).map_err(|_| self.gone(to))
    }

    fn receive_numbers(&self, numbers: &mut [f32], from: usize) -> Result<()> {
        match self.from[from].recv() {
            Ok(Message::Numbers(sent)) if sent.len() == numbers.len() => numbers.copy_from_slice(&sent),
            Ok(_) | Err(_) => return Err(self.gone(from)),
        }
        Ok(())
    }
}
