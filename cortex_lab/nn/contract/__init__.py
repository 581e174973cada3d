"""What a layer, an activation, a loss, an initializer and a penalty are."""
