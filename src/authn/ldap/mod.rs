//! Who is this, by the organisation's directory, and in which groups?
