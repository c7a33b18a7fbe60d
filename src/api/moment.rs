//! Reading a moment.

use std::str::FromStr;

use crate::model::{Moment, MomentError};
use crate::util::rfc3339;

impl FromStr for Moment {
    type Err = MomentError;

    /// Reads what Kubernetes reads as a time. Of a fraction everything counts: what is finer than a
    /// microsecond becomes the next one, so that no clock that shows microseconds sees a difference.
    fn from_str(text: &str) -> Result<Self, MomentError> {
        let rfc3339::Time { seconds, nanos } = rfc3339::parse(text).ok_or(MomentError)?;
        let micros = Self::from_seconds(seconds).micros();
        Ok(Self::from_micros(micros.saturating_add(i64::from(nanos.div_ceil(1000)))))
    }
}
