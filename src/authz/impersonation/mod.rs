//! May this user act as another for this request? (S-IMP)
