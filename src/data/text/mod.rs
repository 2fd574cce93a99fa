//! Text: a vocabulary turns it into indices and back, and windows of a long text become the inputs
//! and targets of a language model.
//!
//! ```
//! use shapewright::data::text::{NextToken, Vocabulary, VocabularyBuilder};
//! use shapewright::prelude::*;
//!
//! network! {
//!     struct Bigram: [8] -> [8, 16] { Embedding<16, 16> }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = "she sells sea shells by the sea shore. ".repeat(20);
//! let vocabulary: Vocabulary<16> = VocabularyBuilder::characters().build([&text])?;
//! let tokens = vocabulary.encode(&text)?;
//!
//! // Each epoch draws 256 windows of 8 characters, and for each position the character after it.
//! let windows = NextToken::<16, 8>::new(&tokens)?.draw(256);
//! let mut net = Bigram::init(&mut shapewright::rng(0));
//! let history = Bigram::trainer(Adam::new(0.1), CrossEntropy)
//!     .epochs(10)
//!     .fit_dataset(&mut net, &windows)?;
//! assert!(history.last().unwrap().loss < 1.2);
//! # Ok(())
//! # }
//! ```
//!
//! [`generate`](crate::generate) chooses the next token from the outputs of such a network.

mod builder;
mod error;
mod file;
mod next_token;
#[cfg(feature = "tokenizers")]
mod tokenizer;
mod unit;
mod vocabulary;

pub use builder::VocabularyBuilder;
pub use error::TextError;
pub use next_token::NextToken;
#[cfg(feature = "tokenizers")]
pub use tokenizer::{Encoding, Tokenizer};
pub use unit::TextUnit;
pub use vocabulary::Vocabulary;
