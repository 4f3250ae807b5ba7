"""What a model knows: questions, statement templates, scores, mastery and their statistics."""
