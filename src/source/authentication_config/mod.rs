//! What does this AuthenticationConfiguration file say, and would the API server take it?
