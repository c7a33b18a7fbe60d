//! A directory over the network: connections, fail-over, budgets.
