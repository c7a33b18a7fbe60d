//! The transport of the review server over real sockets and real TLS, with small routers. Each
//! protection with its accepted twin. Speaks HTTP/1.1 by hand where timing or bytes matter.

mod drain;
mod kit;
mod limits;
mod tls;
