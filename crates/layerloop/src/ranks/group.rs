//! What is sent from rank to rank, and in which order.

use std::ops::Range;

use layerloop_kernels::tree;

use super::Communicator;
use crate::{Error, Result};

/// The ranks of a run whose batches have so many micro-batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'a> {
    communicator: &'a dyn Communicator,
    parts: usize,
}

/// What is added up over the micro-batches of a batch.
trait Summands {
    type Sum;

    /// Of some micro-batches of this rank, a whole node of the tree.
    fn own(&mut self, parts: Range<usize>) -> Self::Sum;

    fn add(&mut self, left: Self::Sum, right: Self::Sum) -> Self::Sum;

    fn send(&mut self, sum: Self::Sum, communicator: &dyn Communicator, to: usize) -> Result<()>;

    fn receive(&mut self, communicator: &dyn Communicator, from: usize) -> Result<Self::Sum>;
}

impl<'a> Group<'a> {
    /// # Errors
    /// [`Error::Config`] for more ranks than micro-batches.
    pub(crate) fn new(communicator: &'a dyn Communicator, parts: usize) -> Result<Self> {
        let ranks = communicator.ranks();
        if ranks > parts {
            let reason = format!(
                "{parts}, and there are {ranks} ranks, each of which needs one at least; --micro-batches {} is enough",
                ranks.next_power_of_two()
            );
            return Err(Error::config("micro_batches", reason));
        }
        Ok(Self { communicator, parts })
    }

    pub(crate) fn communicator(self) -> &'a dyn Communicator {
        self.communicator
    }

    /// The number of this process.
    pub(crate) fn rank(self) -> usize {
        self.communicator.rank()
    }

    /// Micro-batches of this rank.
    pub(crate) fn own(self) -> Range<usize> {
        let from = |rank: usize| rank * self.parts / self.communicator.ranks();
        from(self.rank())..from(self.rank() + 1)
    }

    /// Those of so many rows that this rank evaluates.
    pub(crate) fn share(self, rows: usize) -> Range<usize> {
        self.shares(rows, self.rank())
    }

    fn shares(self, rows: usize, rank: usize) -> Range<usize> {
        let from = |rank: usize| (rank as u64 * rows as u64 / self.communicator.ranks() as u64) as usize;
        from(rank)..from(rank + 1)
    }

    /// The numbers of all ranks, one after the other, on every rank: those of each are its share of so many rows, or a multiple of it.
    pub(crate) fn concatenated(self, own: &[f32], rows: usize, width: usize) -> Result<Vec<f32>> {
        let mut all = vec![0.0; rows * width];
        let of = |rank: usize| {
            let Range { start, end } = self.shares(rows, rank);
            start * width..end * width
        };
        if self.rank() > 0 {
            self.communicator.send_numbers(own, 0)?;
        } else {
            all[of(0)].copy_from_slice(own);
            (1..self.communicator.ranks())
                .try_for_each(|rank| self.communicator.receive_numbers(&mut all[of(rank)], rank))?;
        }
        self.broadcast_numbers(&mut all)?;
        Ok(all)
    }

    /// The rank that has a micro-batch.
    fn owner(self, part: usize) -> usize {
        // The last rank whose micro-batches begin there or before.
        ((part + 1) * self.communicator.ranks() - 1) / self.parts
    }

    /// The sum of gradients, on every rank: `own` writes that of some micro-batches of this rank. What `own` does not write is 0 before.
    pub(crate) fn sum_gradients(
        self,
        gradient: &mut [f32],
        spare: &mut Vec<Vec<f32>>,
        mut own: impl FnMut(Range<usize>, &mut [f32]),
    ) -> Result<()> {
        if self.ranks_are_nodes() {
            own(self.own(), gradient);
            return self.sum_by_halves(gradient, spare);
        }
        let mut gradients = Gradients { own, len: gradient.len(), spare };
        if let Some(sum) = self.node(0..self.parts, &mut gradients)? {
            gradient.copy_from_slice(&sum);
            spare.push(sum);
        }
        self.broadcast_numbers(gradient)
    }

    /// Whether the micro-batches of each rank are one node of the tree, and all of the same level.
    fn ranks_are_nodes(self) -> bool {
        let ranks = self.communicator.ranks();
        ranks.is_power_of_two() && self.parts.is_multiple_of(ranks) && (self.parts / ranks).is_power_of_two()
    }

    /// The sums of nodes that all ranks have one of: at each level of the tree two ranks add up a half each of what they both have. Then each has a
    /// part of the whole sum, and they tell each other.
    ///
    /// A sum of two numbers is the same whichever is the left one, so these are the sums of the tree.
    fn sum_by_halves(self, numbers: &mut [f32], spare: &mut Vec<Vec<f32>>) -> Result<()> {
        let (rank, ranks) = (self.rank(), self.communicator.ranks());
        let mut received = spare.pop().unwrap_or_default();
        received.resize(numbers.len().div_ceil(2), 0.0);
        let halves = |range: &Range<usize>, keeps_first: bool| {
            let middle = range.start + range.len().div_ceil(2);
            let (first, second) = (range.start..middle, middle..range.end);
            if keeps_first { (first, second) } else { (second, first) }
        };
        let levels = (0..ranks.trailing_zeros()).map(|level| 1 << level);
        let (mut kept, mut whole) = (Vec::new(), 0..numbers.len());
        for distance in levels.clone() {
            let (own, others) = halves(&whole, rank & distance == 0);
            let received = &mut received[..own.len()];
            self.communicator.exchange_numbers(&numbers[others], received, rank ^ distance)?;
            numbers[own.clone()].iter_mut().zip(&*received).for_each(|(sum, other)| *sum += other);
            kept.push(std::mem::replace(&mut whole, own));
        }
        for (distance, whole) in levels.rev().zip(kept.into_iter().rev()) {
            let (own, others) = halves(&whole, rank & distance == 0);
            let received = &mut received[..others.len()];
            self.communicator.exchange_numbers(&numbers[own], received, rank ^ distance)?;
            numbers[others].copy_from_slice(received);
        }
        spare.push(received);
        Ok(())
    }

    /// The sum of the losses of all micro-batches, of which these are this rank's, and what rank 0 has to say; on every rank.
    pub(crate) fn sum_losses(self, own: &[f64], word: u8) -> Result<(f64, u8)> {
        let sum = self.node(0..self.parts, &mut Losses { first: self.own().start, own })?;
        let mut message = sum.unwrap_or(0.0).to_le_bytes().to_vec();
        message.push(word);
        let message = self.broadcast(message)?;
        let (&word, sum) = message.split_last().ok_or_else(no_number)?;
        Ok((number(sum)?, word))
    }

    /// The sum of a node, on the rank of its first micro-batch: that of the tree of [`layerloop_kernels::tree`].
    fn node<S: Summands>(self, node: Range<usize>, of: &mut S) -> Result<Option<S::Sum>> {
        let own = self.own();
        if own.start <= node.start && node.end <= own.end {
            return Ok(Some(of.own(node)));
        }
        if node.end <= own.start || own.end <= node.start {
            return Ok(None);
        }
        let middle = node.start + node.len().next_power_of_two() / 2;
        let [to, from] = [node.start, middle].map(|part| self.owner(part));
        let left = self.node(node.start..middle, of)?;
        let mut right = self.node(middle..node.end, of)?;
        if from != to && self.rank() == to {
            right = Some(of.receive(self.communicator, from)?);
        }
        match (left, right) {
            (Some(left), Some(right)) => Ok(Some(of.add(left, right))),
            (None, Some(right)) => of.send(right, self.communicator, to).map(|()| None),
            (left, None) => Ok(left),
        }
    }

    /// The numbers of rank 0, on every rank.
    pub(crate) fn broadcast_numbers(self, numbers: &mut [f32]) -> Result<()> {
        let Self { communicator, .. } = self;
        let receive = |numbers: &mut [f32], from| communicator.receive_numbers(numbers, from);
        spread(communicator, numbers, receive, |numbers, to| communicator.send_numbers(numbers, to))
    }

    /// The bytes of rank 0, on every rank.
    pub(crate) fn broadcast(self, mut bytes: Vec<u8>) -> Result<Vec<u8>> {
        broadcast(self.communicator, &mut bytes)?;
        Ok(bytes)
    }

    /// What each rank has, rank by rank, on every rank.
    pub(crate) fn gather(self, own: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        gather(self.communicator, own)
    }
}

/// Gradients that are added up, in memory that is used again.
struct Gradients<'a, F> {
    own: F,
    len: usize,
    spare: &'a mut Vec<Vec<f32>>,
}

impl<F> Gradients<'_, F> {
    fn memory(&mut self) -> Vec<f32> {
        let mut memory = self.spare.pop().unwrap_or_default();
        memory.resize(self.len, 0.0);
        memory
    }
}

impl<F: FnMut(Range<usize>, &mut [f32])> Summands for Gradients<'_, F> {
    type Sum = Vec<f32>;

    fn own(&mut self, parts: Range<usize>) -> Vec<f32> {
        let mut sum = self.memory();
        sum.fill(0.0); // weights of columns that are left out are not written
        (self.own)(parts, &mut sum);
        sum
    }

    fn add(&mut self, mut left: Vec<f32>, right: Vec<f32>) -> Vec<f32> {
        left.iter_mut().zip(&right).for_each(|(left, right)| *left += right);
        self.spare.push(right);
        left
    }

    fn send(&mut self, sum: Vec<f32>, communicator: &dyn Communicator, to: usize) -> Result<()> {
        communicator.send_numbers(&sum, to)?;
        self.spare.push(sum);
        Ok(())
    }

    fn receive(&mut self, communicator: &dyn Communicator, from: usize) -> Result<Vec<f32>> {
        let mut sum = self.memory();
        communicator.receive_numbers(&mut sum, from)?;
        Ok(sum)
    }
}

/// Losses of the micro-batches of this rank, from the `first` on.
struct Losses<'a> {
    first: usize,
    own: &'a [f64],
}

impl Summands for Losses<'_> {
    type Sum = f64;

    fn own(&mut self, parts: Range<usize>) -> f64 {
        tree::sum(&self.own[parts.start - self.first..parts.end - self.first])
    }

    fn add(&mut self, left: f64, right: f64) -> f64 {
        left + right
    }

    fn send(&mut self, sum: f64, communicator: &dyn Communicator, to: usize) -> Result<()> {
        communicator.send(&sum.to_le_bytes(), to)
    }

    fn receive(&mut self, communicator: &dyn Communicator, from: usize) -> Result<f64> {
        number(&communicator.receive(from)?)
    }
}

/// From rank 0 to all: a rank that has something sends it to the rank 1, 2, 4, ... further, the largest distance first.
fn spread<T: ?Sized>(
    communicator: &dyn Communicator,
    what: &mut T,
    receive: impl Fn(&mut T, usize) -> Result<()>,
    send: impl Fn(&T, usize) -> Result<()>,
) -> Result<()> {
    let (rank, ranks) = (communicator.rank(), communicator.ranks());
    // It comes from the rank without the lowest bit.
    let lowest = if rank == 0 { ranks.next_power_of_two() } else { rank & rank.wrapping_neg() };
    if rank > 0 {
        receive(what, rank - lowest)?;
    }
    let mut distance = lowest / 2;
    while distance > 0 {
        if rank + distance < ranks {
            send(what, rank + distance)?;
        }
        distance /= 2;
    }
    Ok(())
}

/// The bytes of rank 0, on every rank.
///
/// # Errors
/// If a rank does not answer.
pub fn broadcast(communicator: &dyn Communicator, bytes: &mut Vec<u8>) -> Result<()> {
    let receive = |bytes: &mut Vec<u8>, from| communicator.receive(from).map(|received| *bytes = received);
    spread(communicator, bytes, receive, |bytes, to| communicator.send(bytes, to))
}

/// What each rank has, rank by rank, on every rank.
///
/// # Errors
/// If a rank does not answer.
pub fn gather(communicator: &dyn Communicator, own: Vec<u8>) -> Result<Vec<Vec<u8>>> {
    let mut all = vec![own];
    if communicator.rank() > 0 {
        communicator.send(&all[0], 0)?;
    } else {
        for rank in 1..communicator.ranks() {
            all.push(communicator.receive(rank)?);
        }
    }
    let mut bytes = serde_json::to_vec(&all).map_err(|error| Error::config("ranks", error.to_string()))?;
    broadcast(communicator, &mut bytes)?;
    serde_json::from_slice(&bytes).map_err(|error| Error::config("ranks", error.to_string()))
}

fn number(bytes: &[u8]) -> Result<f64> {
    bytes.try_into().map(f64::from_le_bytes).map_err(|_| no_number())
}

fn no_number() -> Error {
    Error::config("ranks", "a message of a rank is not a number")
}

/// Adds up the numbers of all ranks, in the order of the tree that gradients are added up in; the sums come to be on every rank.
///
/// # Errors
/// If a rank does not answer.
///
/// # Example
/// ```
/// use layerloop::ranks::{Threads, sum};
/// let sums = Threads::run(3, |rank| {
///     let mut numbers = [rank.rank() as f32, 1.0];
///     sum(rank, &mut numbers).map(|()| numbers)
/// });
/// assert!(sums.iter().all(|numbers| *numbers.as_ref().expect("numbers") == [3.0, 3.0]));
/// ```
pub fn sum(communicator: &dyn Communicator, numbers: &mut [f32]) -> Result<()> {
    let group = Group::new(communicator, communicator.ranks())?;
    let own = numbers.to_vec();
    group.sum_gradients(numbers, &mut Vec::new(), |_, sum| sum.copy_from_slice(&own))
}

/// What `own` is on this rank, if it is well on every rank, and all that is to be alike, by name, is.
///
/// # Errors
/// Its own where it is the same on every rank; [`Error::Data`] that names the ranks where it is not, or what is not alike.
///
/// # Example
/// ```
/// use layerloop::ranks::{Threads, agree};
/// let versions = ["1", "1", "2"];
/// let of = |i: usize| Threads::run(3, |rank| agree(rank, Ok(()), &[("version", versions[i.min(rank.rank())].into())]));
/// assert!(of(1).iter().all(Result::is_ok));
/// assert_eq!(of(2)[0].as_ref().unwrap_err().to_string(), "rank 2: version 2; it is 1 on rank 0");
/// ```
pub fn agree<T>(communicator: &dyn Communicator, own: Result<T>, alike: &[(&str, String)]) -> Result<T> {
    if communicator.ranks() == 1 {
        return own;
    }
    let failure = own.as_ref().err().map(ToString::to_string);
    let said = serde_json::to_vec(&(&failure, alike)).map_err(|error| Error::config("ranks", error.to_string()))?;
    let read = |said: Vec<u8>| serde_json::from_slice::<(Option<String>, Vec<(String, String)>)>(&said);
    let all = gather(communicator, said)?.into_iter().map(read).collect::<std::result::Result<Vec<_>, _>>();
    let all = all.map_err(|error| Error::config("ranks", error.to_string()))?;
    let fail = |rank: usize, reason: String| Err(Error::data(format!("rank {rank}"), reason));
    if let Some((rank, failure)) =
        all.iter().enumerate().find_map(|(rank, (failure, _))| Some((rank, failure.as_ref()?)))
    {
        let everywhere = all.iter().all(|(other, _)| other.as_ref() == Some(failure));
        return match own {
            Err(own) if everywhere => Err(own),
            _ => fail(rank, failure.clone()),
        };
    }
    for (rank, (_, there)) in all.iter().enumerate().skip(1) {
        if let Some(((what, here), (_, there))) = all[0].1.iter().zip(there).find(|(here, there)| here != there) {
            return fail(rank, format!("{what} {there}; it is {here} on rank 0"));
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::Threads;

    #[test]
    fn sums_have_the_same_bits_for_every_number_of_ranks() {
        for parts in [1, 2, 3, 7, 16, 33] {
            let values: Vec<f32> = (0..parts).map(|i| 1.0 / (i as f32 + 0.3)).collect();
            let of = |ranks| {
                Threads::run(ranks, |communicator| {
                    let group = Group::new(communicator, parts).unwrap();
                    group.own().for_each(|part| assert_eq!(group.owner(part), group.rank()));
                    let (mut sum, mut spare) = ([0.0; 5], Vec::new());
                    let of_node = |parts: Range<usize>, gradient: &mut [f32]| {
                        let (values, mut memory) = (&values[parts], [0.0; 30]);
                        tree::sum_parts(values.len(), gradient, &mut memory, |i, to| {
                            to.iter_mut().enumerate().for_each(|(place, to)| *to = values[i] * (place as f32 + 0.7));
                        });
                    };
                    group.sum_gradients(&mut sum, &mut spare, of_node).unwrap();
                    let losses: Vec<f64> = values[group.own()].iter().map(|&value| f64::from(value)).collect();
                    (sum, group.sum_losses(&losses, 7).unwrap())
                })
            };
            let one = of(1)[0];
            for ranks in 1..=parts.min(9) {
                assert!(of(ranks).iter().all(|sums| *sums == one), "{parts} parts, {ranks} ranks");
            }
        }
    }

    #[test]
    fn every_rank_learns_what_rank_0_has_and_what_each_has() {
        for ranks in 1..=9 {
            let all = Threads::run(ranks, |communicator| {
                let group = Group::new(communicator, ranks).unwrap();
                let rank = group.rank() as u8;
                (group.broadcast(vec![rank + 7]).unwrap(), group.gather(vec![rank]).unwrap())
            });
            let each: Vec<Vec<u8>> = (0..ranks as u8).map(|rank| vec![rank]).collect();
            assert!(all.iter().all(|(first, gathered)| *first == [7] && *gathered == each), "{ranks}");
        }
    }

    #[test]
    fn a_failure_of_one_rank_is_one_of_all_and_names_it() {
        let of = |failing: &[usize]| {
            let all = Threads::run(3, |communicator| {
                let own = if failing.contains(&communicator.rank()) { Err(Error::config("x", "no")) } else { Ok(()) };
                agree(communicator, own, &[]).map_err(|error| error.to_string())
            });
            assert!(all.windows(2).all(|two| two[0] == two[1]));
            all[0].clone()
        };
        assert_eq!(of(&[]), Ok(()));
        assert_eq!(of(&[2]), Err("rank 2: x: no".into()));
        assert_eq!(of(&[0, 1, 2]), Err("x: no".into()));
        let few = Threads::run(4, |communicator| Group::new(communicator, 3).unwrap_err().to_string());
        assert_eq!(
            few[0],
            "micro_batches: 3, and there are 4 ranks, each of which needs one at least; --micro-batches 4 is enough"
        );
    }
}
