# word2vec with negative sampling
import random
import numpy as np
from keras.layers import Input, Embedding, Dot, Reshape, Dense
from keras.models import Model
from keras.preprocessing.sequence import make_sampling_table, skipgrams
from keras.preprocessing.text import Tokenizer, text_to_word_sequence, one_hot, hashing_trick

corpus = [line for line in open('data/story.txt', encoding='utf-8').read().split('.') if line.strip()]
words = text_to_word_sequence(corpus[0])
hashed = hashing_trick(corpus[0], 50, hash_function='md5')

tokenizer = Tokenizer()
tokenizer.fit_on_texts(corpus)
id2word = {v: k for k, v in tokenizer.word_index.items()}
vocab_size = len(tokenizer.word_index) + 1
wids = tokenizer.texts_to_sequences(corpus)

random.seed(7)
sampling_table = make_sampling_table(vocab_size, sampling_factor=0.05)
skip_grams = [skipgrams(wid, vocabulary_size=vocab_size, window_size=2, sampling_table=sampling_table) for wid in wids]

target, context = Input((1,)), Input((1,))
embedding = Embedding(vocab_size, 4)
dot = Reshape((1,))(Dot(axes=2)([embedding(target), embedding(context)]))
model = Model([target, context], Dense(1, activation='sigmoid')(dot))
model.compile(loss='binary_crossentropy', optimizer='adam')

losses = []
for i, (pairs, labels) in enumerate(skip_grams[:4]):
    if not pairs:
        continue
    first = np.array([pair[0] for pair in pairs], dtype='int32').reshape(-1, 1)
    second = np.array([pair[1] for pair in pairs], dtype='int32').reshape(-1, 1)
    losses.append(float(model.train_on_batch([first, second], np.array(labels, dtype='int32').reshape(-1, 1))))
