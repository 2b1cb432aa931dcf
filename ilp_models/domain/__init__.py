"""The nouns: frozen, validated on construction, without files or networks."""
