"""The layers of EMODal, and its forward pass."""
