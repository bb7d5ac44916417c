# escape=`
FROM mcr.example/windows/nanoserver:ltsc2022
SHELL ["powershell", "-Command"]
WORKDIR C:\app\
COPY dir\file.txt C:\app\
RUN Get-ChildItem `
      -Path   C:\
