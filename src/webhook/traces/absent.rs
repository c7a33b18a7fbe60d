//! What stands in the place of spans where they are not compiled in: types without a value, so that
//! whoever uses them needs no conditions and pays nothing.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::webhook::config::{ConfigError, OpenTelemetryConfig};
use crate::webhook::metrics::Metrics;
use crate::webhook::request_id::RequestId;

/// A configuration that asks for spans is refused when it is parsed.
pub(in crate::webhook) const fn check(_: &OpenTelemetryConfig) -> Result<(), ConfigError> {
    Ok(())
}

#[derive(Debug)]
pub(in crate::webhook) struct Traces(Infallible);

pub(in crate::webhook) struct Trace<'a>(Infallible, PhantomData<&'a Traces>);

impl Traces {
    pub(in crate::webhook) const fn start(
        _: Option<&OpenTelemetryConfig>,
        _: &Arc<Metrics>,
    ) -> Result<Option<Arc<Self>>, ConfigError> {
        Ok(None)
    }

    pub(in crate::webhook) const fn begin(
        &self,
        _: &'static str,
        _: &HeaderMap,
    ) -> Option<Trace<'_>> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "stands in for one that waits")]
    pub(in crate::webhook) async fn close(&self, _: Duration) -> bool {
        match self.0 {}
    }
}

impl Trace<'_> {
    pub(in crate::webhook) const fn end(self, _: &RequestId, _: &'static str, _: StatusCode) {
        match self.0 {}
    }
}
