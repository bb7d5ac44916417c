"""What only a real engine, a real BuildKit and a real registry can show."""
