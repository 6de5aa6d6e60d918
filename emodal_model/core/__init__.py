"""Settings, errors, TensorFlow, atomic files and versions: what all other packages of emodal_model use."""
