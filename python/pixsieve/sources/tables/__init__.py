"""Tables, lists and objects that name pictures or hold them."""
