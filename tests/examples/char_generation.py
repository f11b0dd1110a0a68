"""Text generation letter by letter"""
import random

import numpy as np
from keras.preprocessing import sequence, text
from keras.models import Sequential
from keras.layers import Dense, Flatten
from keras.utils import to_categorical

with open('data/story.txt', encoding='utf-8') as f:
    story = f.read()

tokenizer = text.Tokenizer(char_level=True, lower=True)
tokenizer.fit_on_texts([story])
encoded = tokenizer.texts_to_sequences([story])[0]
vocab_size = len(tokenizer.word_index) + 1

maxlen, step = 8, 5
sentences = [encoded[i: i + maxlen] for i in range(0, len(encoded) - maxlen, step)]
next_chars = [encoded[i + maxlen] for i in range(0, len(encoded) - maxlen, step)]
X = to_categorical(sequence.pad_sequences(sentences, maxlen=maxlen, padding='pre'), num_classes=vocab_size)
y = to_categorical(next_chars, num_classes=vocab_size)

model = Sequential([Flatten(input_shape=(maxlen, vocab_size)), Dense(vocab_size, activation='softmax')])
model.compile(loss='categorical_crossentropy', optimizer='rmsprop')
history = model.fit(X, y, batch_size=32, epochs=1, shuffle=False)

random.seed(1)
seed_text = story[:20].lower()
for _ in range(3):
    codes = tokenizer.texts_to_sequences([seed_text])[0]
    codes = sequence.pad_sequences([codes], maxlen=maxlen, truncating='pre')
    preds = model.predict(to_categorical(codes, num_classes=vocab_size), verbose=0)[0]
    seed_text += tokenizer.index_word.get(int(np.argsort(preds)[-1 - random.randint(0, 1)]), ' ')
generated = tokenizer.sequences_to_texts([encoded[:5]])
