"""The three wire protocols, as far as everyone needs them: the text of a request, the output and the usage of a response."""
