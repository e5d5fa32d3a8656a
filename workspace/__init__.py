"""The clone: where its parts are, what is installed for them, its documents. Imports no other part."""
