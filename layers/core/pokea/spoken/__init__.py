"""Days, times, numbers, letters and answers as they are said over a telephone, in English and Swahili: understood, and said back."""
