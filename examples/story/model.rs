//! A small Llama: its network, its weights in the format of llama2.c, and its tokens.

use std::collections::HashMap;

use shapewright::prelude::*;

// By itself, as programs without the standard library have it, too.
#[path = "network.rs"]
mod network;

pub use network::*;

/// The token of the byte 0; the others follow.
const FIRST_BYTE: usize = 3;
/// The numbers at the start of the weights: width, hidden width, layers, heads, heads of keys and
/// values, tokens, longest story.
const HEADER: [i32; 7] = [64, 172, 5, 8, 4, TOKENS as i32, LENGTH as i32];

/// Little-endian numbers of a file.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    /// Takes the next four bytes.
    fn next(&mut self) -> Result<[u8; 4], String> {
        let (first, rest) = self
            .0
            .split_first_chunk()
            .ok_or("the file is too short: it was cut off, or is another one")?;
        self.0 = rest;
        Ok(*first)
    }

    fn int(&mut self) -> Result<i32, String> {
        self.next().map(i32::from_le_bytes)
    }

    fn float(&mut self) -> Result<f32, String> {
        self.next().map(f32::from_le_bytes)
    }

    fn vector(&mut self, to: &mut [f32]) -> Result<(), String> {
        to.iter_mut().try_for_each(|x| {
            *x = self.float()?;
            Ok(())
        })
    }

    /// Reads a matrix with a row for each output, which is stored with a column for each.
    fn matrix<const I: usize, const O: usize>(
        &mut self,
        to: &mut [[f32; O]; I],
    ) -> Result<(), String> {
        for o in 0..O {
            for row in &mut *to {
                row[o] = self.float()?;
            }
        }
        Ok(())
    }
}

/// Reads the weights of a file of llama2.c: each kind for all layers in a row.
///
/// # Errors
/// Returns a sentence if the file is that of another network, or is cut off.
pub fn weights(file: &[u8]) -> Result<Box<Stories>, String> {
    let mut numbers = Numbers(file);
    for expected in HEADER {
        let found = numbers.int()?;
        if found != expected {
            return Err(format!(
                "a network with {found} instead of {expected} in its header"
            ));
        }
    }

    let mut net = Stories::zeros();
    numbers.vector(net.embedding.weight.as_flattened_mut())?;
    let blocks = &mut net.blocks;
    for block in &mut *blocks {
        numbers.vector(block.attention.norm.weight.as_mut_slice())?;
    }
    for block in &mut *blocks {
        numbers.matrix(&mut block.attention.heads.q_proj_weight)?;
    }
    for block in &mut *blocks {
        numbers.matrix(&mut block.attention.heads.k_proj_weight)?;
    }
    for block in &mut *blocks {
        numbers.matrix(&mut block.attention.heads.v_proj_weight)?;
    }
    for block in &mut *blocks {
        numbers.matrix(&mut block.attention.heads.out_proj.weight)?;
    }
    for block in &mut *blocks {
        numbers.vector(block.feed_forward.norm.weight.as_mut_slice())?;
    }
    for block in &mut *blocks {
        numbers.matrix(&mut block.feed_forward.w1.weight)?;
    }
    for block in &mut *blocks {
        numbers.matrix(&mut block.feed_forward.w2.weight)?;
    }
    for block in &mut *blocks {
        numbers.matrix(&mut block.feed_forward.w3.weight)?;
    }
    numbers.vector(net.norm.weight.as_mut_slice())?;

    // The cosines and sines of the positions follow, which the layer computes itself.
    Ok(net)
}

/// The pieces of text that tokens stand for.
pub struct Pieces {
    pieces: Vec<Vec<u8>>,
    scores: Vec<f32>,
    tokens: HashMap<Vec<u8>, usize>,
}

impl Pieces {
    /// Reads the vocabulary in a file of llama2.c.
    ///
    /// # Errors
    /// Returns a sentence if the file is cut off.
    pub fn new(file: &[u8]) -> Result<Self, String> {
        let mut numbers = Numbers(file);
        numbers.int()?;

        let mut found = Pieces {
            pieces: Vec::new(),
            scores: Vec::new(),
            tokens: HashMap::new(),
        };
        for token in 0..TOKENS {
            found.scores.push(numbers.float()?);
            let length =
                usize::try_from(numbers.int()?).map_err(|_| "a piece of negative length")?;
            let (piece, rest) = numbers
                .0
                .split_at_checked(length)
                .ok_or("the vocabulary is cut off")?;
            numbers.0 = rest;
            found.tokens.entry(piece.to_vec()).or_insert(token);
            found.pieces.push(piece.to_vec());
        }
        Ok(found)
    }

    /// Returns the tokens of a text, with the one at the beginning of a story: pieces are joined as
    /// long as two neighbours make one, those with the highest score first.
    pub fn encode(&self, text: &str) -> Vec<usize> {
        let mut tokens = vec![END];
        if !text.is_empty() {
            tokens.extend(self.tokens.get(&b" "[..]));
        }
        for c in text.chars() {
            let bytes = c.to_string().into_bytes();
            match self.tokens.get(&bytes) {
                Some(&token) => tokens.push(token),
                None => tokens.extend(bytes.iter().map(|&byte| FIRST_BYTE + usize::from(byte))),
            }
        }

        let joined = |pair: &[usize]| {
            let piece = [&self.pieces[pair[0]][..], &self.pieces[pair[1]]].concat();
            self.tokens.get(&piece).copied()
        };
        loop {
            let mut best: Option<(usize, usize)> = None;
            for (at, pair) in tokens.windows(2).enumerate() {
                if let Some(token) = joined(pair)
                    && best.is_none_or(|(_, other)| self.scores[token] > self.scores[other])
                {
                    best = Some((at, token));
                }
            }
            let Some((at, token)) = best else {
                return tokens;
            };
            tokens[at] = token;
            tokens.remove(at + 1);
        }
    }

    /// Returns the text of a token behind another one.
    pub fn text(&self, previous: usize, token: usize) -> Vec<u8> {
        let piece = &self.pieces[token];
        if let Some(byte) = token.checked_sub(FIRST_BYTE)
            && let Ok(byte) = u8::try_from(byte)
        {
            return vec![byte];
        }
        match piece.strip_prefix(b" ") {
            Some(rest) if previous == END => rest.to_vec(),
            _ => piece.clone(),
        }
    }
}
