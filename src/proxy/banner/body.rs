//! A page of the portal's with the banner in it, while it streams.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame};

use super::decoder::Decoder;
use super::insertion::Insertion;
use portcullis_http1::BodyError;

/// The body of a page that is rewritten. Holds one frame of the portal's at a time.
#[derive(Debug)]
pub struct BannerBody<B> {
    portal: B,
    decoder: Option<Decoder>,
    insertion: Insertion,
    /// What has been received and is not decoded yet.
    coded: Bytes,
    trailers: Option<HeaderMap>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Receiving,
    /// The portal's body has ended.
    Received,
    Ended,
}

impl<B> BannerBody<B> {
    pub(super) fn new(portal: B, decoder: Option<Decoder>, insertion: Insertion) -> Self {
        let (coded, trailers) = (Bytes::new(), None);
        Self { portal, decoder, insertion, coded, trailers, stage: Stage::Receiving }
    }

    /// What the next bytes become; `None` when more are needed.
    fn step(&mut self) -> Result<Option<Bytes>, BodyError> {
        let Some(decoder) = &mut self.decoder else {
            if self.coded.is_empty() {
                return Ok(None);
            }
            let bytes = std::mem::take(&mut self.coded);
            if self.insertion.is_passing() {
                return Ok(Some(bytes));
            }
            return Ok(Some(self.insertion.write(&bytes).into()));
        };
        let (read, decoded) = decoder.step(&self.coded).map_err(|error| {
            tracing::warn!(%error, "a page of the portal cannot be decoded");
            BodyError::from(error)
        })?;
        self.coded.advance(read.min(self.coded.len()));
        if read == 0 && decoded.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.insertion.write(&decoded).into()))
    }
}

impl<B: Body<Data = Bytes, Error = BodyError> + Unpin> Body for BannerBody<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            match self.step() {
                Ok(Some(bytes)) if bytes.is_empty() => continue,
                Ok(Some(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Ok(None) => {}
                Err(error) => {
                    self.stage = Stage::Ended;
                    return Poll::Ready(Some(Err(error)));
                }
            }
            match self.stage {
                Stage::Receiving => {}
                Stage::Received => {
                    self.stage = Stage::Ended;
                    let rest = self.insertion.end();
                    if !rest.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(rest.into()))));
                    }
                }
                Stage::Ended => {
                    let trailers = self.trailers.take().map(Frame::trailers);
                    return Poll::Ready(trailers.map(Ok));
                }
            }
            if self.stage != Stage::Receiving {
                continue;
            }
            match ready!(Pin::new(&mut self.portal).poll_frame(cx)) {
                None => self.stage = Stage::Received,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) if self.coded.is_empty() => self.coded = bytes,
                    Ok(bytes) => {
                        // A decoder that needs more has left a few bytes at most.
                        let mut coded = self.coded.to_vec();
                        coded.extend_from_slice(&bytes);
                        self.coded = coded.into();
                    }
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.stage == Stage::Ended && self.trailers.is_none()
    }
}
