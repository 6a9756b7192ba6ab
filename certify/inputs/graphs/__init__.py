"""What readers of modules and of ONNX files share when they write graphs."""
