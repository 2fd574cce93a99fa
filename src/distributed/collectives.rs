//! Operations that all ranks take part in, made of messages between two.

use core::ops::Range;

use super::{CommunicationError, Incoming, Outgoing};

/// [`exchange`](super::Communicator::exchange) of a communicator.
type Exchange<'a> =
    &'a dyn Fn(&[Outgoing<'_>], &mut [Incoming<'_>]) -> Result<(), CommunicationError>;

/// Returns the share of a rank in `count` things: as many as that of any other, or one more.
pub(crate) fn share_of(rank: usize, size: usize, count: usize) -> Range<usize> {
    let begin = |rank: usize| (rank as u128 * count as u128 / size as u128) as usize;
    begin(rank)..begin(rank + 1)
}

/// Waits for all ranks, in the rounds of a dissemination barrier (Hensgen, Finkel and Manber, 1988).
pub(super) fn barrier(
    rank: usize,
    size: usize,
    exchange: Exchange<'_>,
) -> Result<(), CommunicationError> {
    let mut distance = 1;
    while distance < size {
        let sends = [Outgoing {
            to: (rank + distance) % size,
            bytes: &[],
        }];
        let mut receives = [Incoming {
            from: (rank + size - distance) % size,
            bytes: &mut [],
        }];
        exchange(&sends, &mut receives)?;
        distance *= 2;
    }
    Ok(())
}

/// Copies bytes from `root` to all ranks along a binomial tree.
pub(super) fn broadcast(
    rank: usize,
    size: usize,
    bytes: &mut [u8],
    root: usize,
    exchange: Exchange<'_>,
) -> Result<(), CommunicationError> {
    // Ranks are counted from the root.
    let own = (rank + size - root) % size;
    let absolute = |relative: usize| (relative + root) % size;

    let mut has = 1;
    while has < size {
        if own < has && own + has < size {
            let to = absolute(own + has);
            exchange(&[Outgoing { to, bytes }], &mut [])?;
        } else if (has..2 * has).contains(&own) {
            let from = absolute(own - has);
            exchange(&[], &mut [Incoming { from, bytes }])?;
        }
        has *= 2;
    }
    Ok(())
}

/// Returns the bytes of all ranks, whose lengths are sent first.
pub(super) fn all_gather(
    rank: usize,
    size: usize,
    own: &[u8],
    exchange: Exchange<'_>,
) -> Result<Vec<Vec<u8>>, CommunicationError> {
    let len = (own.len() as u64).to_le_bytes();
    let mut lens = vec![[0; 8]; size];
    to_all(
        rank,
        &len,
        lens.iter_mut().map(<[u8; 8]>::as_mut_slice),
        exchange,
    )?;

    let mut gathered: Vec<Vec<u8>> = lens
        .iter()
        .map(|&len| vec![0; u64::from_le_bytes(len) as usize])
        .collect();
    to_all(
        rank,
        own,
        gathered.iter_mut().map(Vec::as_mut_slice),
        exchange,
    )?;
    gathered[rank] = own.to_vec();
    Ok(gathered)
}

/// Sends bytes to all other ranks, and receives theirs.
pub(super) fn to_all<'a>(
    rank: usize,
    own: &[u8],
    others: impl Iterator<Item = &'a mut [u8]>,
    exchange: Exchange<'_>,
) -> Result<(), CommunicationError> {
    let mut receives: Vec<_> = others
        .enumerate()
        .filter(|&(from, _)| from != rank)
        .map(|(from, bytes)| Incoming { from, bytes })
        .collect();
    let sends: Vec<_> = receives
        .iter()
        .map(|receive| Outgoing {
            to: receive.from,
            bytes: own,
        })
        .collect();
    exchange(&sends, &mut receives)
}
