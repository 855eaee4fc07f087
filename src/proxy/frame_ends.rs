//! Where frames of a WebSocket end (RFC 6455, section 5.2): only there can another frame be sent.

/// The opcode of a close frame.
const CLOSE: u8 = 8;
/// The longest header of a frame: two bytes, a length of eight, and a mask of four.
const LONGEST_HEADER: usize = 14;

/// Follows the frames of one direction.
#[derive(Debug, Default)]
pub(super) struct FrameEnds {
    /// What has been sent of the current frame's header; empty in its payload and between frames.
    header: [u8; LONGEST_HEADER],
    header_bytes: usize,
    /// Bytes that are missing of the current frame's payload.
    payload: u64,
    is_closed: bool,
}

impl FrameEnds {
    /// Notes the next bytes of the direction.
    pub(super) fn note(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.payload > 0 {
                let passed = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
                self.payload -= passed as u64;
                bytes = bytes.get(passed..).unwrap_or_default();
            } else {
                self.note_header(*first);
                bytes = rest;
            }
        }
    }

    /// Whether another frame may be sent now: no frame is incomplete, and none was a close frame.
    pub(super) const fn may_send(&self) -> bool {
        self.header_bytes == 0 && self.payload == 0 && !self.is_closed
    }

    fn note_header(&mut self, byte: u8) {
        if let Some(next) = self.header.get_mut(self.header_bytes) {
            *next = byte;
        }
        self.header_bytes += 1;
        let [opcode, length, more @ ..] = self.header;
        let extended = match length & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if length & 0x80 == 0 { 0 } else { 4 };
        if self.header_bytes < 2 + extended + mask {
            return;
        }
        let number = more.iter().take(extended).fold(0, |all, byte| all << 8 | u64::from(*byte));
        self.payload = if extended == 0 { u64::from(length & 0x7F) } else { number };
        self.header_bytes = 0;
        self.is_closed |= opcode & 0x0F == CLOSE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of this opcode and length.
    fn frame(opcode: u8, mask: bool, length: usize) -> Vec<u8> {
        let bit = if mask { 0x80 } else { 0 };
        let mut frame = vec![0x80 | opcode];
        match length {
            0..126 => frame.push(bit | length as u8),
            126..65536 => {
                frame.push(bit | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(bit | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0xFF; 4].iter().take(if mask { 4 } else { 0 }));
        frame.extend(vec![0xFF; length]);
        frame
    }

    #[test]
    fn frames_end_where_their_lengths_say() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            for mask in [false, true] {
                let frame = frame(2, mask, length);
                for part in [1, 3, 4096] {
                    let mut ends = FrameEnds::default();
                    let mut sent = 0;
                    for _ in 0..2 {
                        for part in frame.chunks(part) {
                            ends.note(part);
                            sent += part.len();
                            let is_end = sent % frame.len() == 0;
                            assert_eq!(ends.may_send(), is_end, "{length} {mask} {sent}");
                        }
                    }
                }
                let mut ends = FrameEnds::default();
                ends.note(&[&*frame, &*frame].concat());
                assert!(ends.may_send());
            }
        }
    }

    #[test]
    fn nothing_may_follow_a_close_frame() {
        let mut ends = FrameEnds::default();
        ends.note(&frame(9, false, 4));
        assert!(ends.may_send());
        ends.note(&frame(8, false, 2));
        assert!(!ends.may_send());
    }
}
