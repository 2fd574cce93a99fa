//! The encoding of ONNX files: the few messages of `onnx.proto` that a network needs, in the format
//! of Protocol Buffers.

/// A message that grows field by field.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

/// The type of a field in the encoding.
const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;
const FIXED_32: u64 = 5;

impl Message {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn varint(&mut self, mut x: u64) {
        while x >= 0x80 {
            self.bytes.push(x as u8 | 0x80);
            x >>= 7;
        }
        self.bytes.push(x as u8);
    }

    /// Appends a whole number.
    pub fn int(&mut self, field: u64, x: i64) {
        self.varint(field << 3 | VARINT);
        self.varint(x as u64);
    }

    /// Appends whole numbers as one packed field.
    pub fn ints(&mut self, field: u64, numbers: &[i64]) {
        let mut packed = Message::new();
        for &x in numbers {
            packed.varint(x as u64);
        }
        self.bytes_of(field, &packed.bytes);
    }

    /// Appends an `f32`.
    pub fn float(&mut self, field: u64, x: f32) {
        self.varint(field << 3 | FIXED_32);
        self.bytes.extend(x.to_le_bytes());
    }

    /// Appends bytes.
    pub fn bytes_of(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | LENGTH_DELIMITED);
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a text.
    pub fn text(&mut self, field: u64, text: &str) {
        self.bytes_of(field, text.as_bytes());
    }

    /// Appends a message.
    pub fn message(&mut self, field: u64, message: &Message) {
        self.bytes_of(field, &message.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn fields_are_those_of_the_specification() {
        // The examples of the documentation of Protocol Buffers.
        let mut message = Message::new();
        message.int(1, 150);
        message.text(2, "testing");
        message.ints(6, &[3, 270, 86942]);
        message.int(3, -2);
        message.float(4, 1.0);
        assert_eq!(
            message.into_bytes(),
            [
                &[0x08, 0x96, 0x01][..],
                &[0x12, 0x07],
                b"testing",
                &[0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05],
                &[
                    0x18, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01
                ],
                &[0x25, 0, 0, 0x80, 0x3f],
            ]
            .concat()
        );
    }
}
