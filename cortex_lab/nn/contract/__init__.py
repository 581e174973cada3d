"""What a layer, an activation, a loss, an initializer, a penalty and a batch are."""
