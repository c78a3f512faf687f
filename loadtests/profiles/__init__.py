"""The guide's load tests as ready commands, with the flags that the guide writes."""
