//! VtexId tokens: the login of the shop, verified offline.
