'''Sentiment of reviews: Tokenizer, padding, embedding, LSTM'''
import numpy as np
import pandas as pd
from keras.preprocessing.text import Tokenizer
from keras.preprocessing.sequence import pad_sequences
from keras.models import Sequential
from keras.layers import Dense, Embedding, LSTM

max_features = 60
maxlen = 10
batch_size = 16

data = pd.read_csv('data/reviews.csv')
texts, labels = data['review'].values, data['sentiment'].values
split = int(0.75 * len(texts))

tokenizer = Tokenizer(num_words=max_features, oov_token='<OOV>')
tokenizer.fit_on_texts(texts[:split])
word_index = tokenizer.word_index
print('Found %s unique tokens.' % len(word_index))

x_train = pad_sequences(tokenizer.texts_to_sequences(texts[:split]), maxlen=maxlen)
x_test = pad_sequences(tokenizer.texts_to_sequences(texts[split:]), maxlen=maxlen)
y_train, y_test = labels[:split], labels[split:]
print('x_train shape:', x_train.shape)

model = Sequential()
model.add(Embedding(max_features, 8))
model.add(LSTM(4, dropout=0.0))
model.add(Dense(1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
history = model.fit(x_train, y_train, batch_size=batch_size, epochs=1, shuffle=False,
                    validation_data=(x_test, y_test))
score, acc = model.evaluate(x_test, y_test, batch_size=batch_size)

# a bag of words, too
binary = tokenizer.texts_to_matrix(texts[split:], mode='tfidf')
saved = tokenizer.to_json()
